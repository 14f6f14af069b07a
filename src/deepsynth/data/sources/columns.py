"""Rows of a table become records: which column is which, and what makes a row unusable.

A wrong guess is worse than a question, so the guess is refused whenever two columns could be the document or the
summary. The guess is made once, from the head of the table: later rows that lack a column are bad rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deepsynth.core.documents import Document, Record
from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection

TEXT_NAMES = ("article", "document", "text", "dialogue", "source")
SUMMARY_NAMES = ("summary", "highlights", "abstract", "target", "tldr")

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_SUMMARY_CHARS = 50_000


class RowError(Exception):
    """A row cannot be used; `reason` is its short name."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


RawRow = tuple[str, Mapping[str, Any] | RowError]
"""The place to look at, and the row there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The role of each column that is read."""

    text: str
    summary: str | None = None
    id: str | None = None
    language: str | None = None
    group: str | None = None

    def names(self) -> list[str]:
        """Return the columns to read, each once."""
        given = (self.text, self.summary, self.id, self.language, self.group)
        return list(dict.fromkeys(name for name in given if name is not None))


def choose_columns(available: Iterable[str], config: SourceConfig, where: str) -> Columns:
    """Return the columns that `config` names, the others guessed from `available`.

    Raises:
        InputError: a named column is absent, or the guess is not sure; the message lists the columns.
    """
    names = list(available)
    for field in ("text_column", "summary_column", "id_column", "language_column", "group_column"):
        wanted = getattr(config, field)
        if wanted is not None and wanted not in names:
            raise InputError(f"{where} has no column {wanted!r}; it has: {', '.join(names)}", field=field)
    text = config.text_column or _guess("text", TEXT_NAMES, names, where)
    if text is None:
        raise InputError(
            f"cannot tell which column of {where} holds the document; name it with --reading.text-column. "
            f"Columns: {', '.join(names)}",
            field="text_column",
        )
    summary = config.summary_column or _guess("summary", SUMMARY_NAMES, [name for name in names if name != text], where)
    if summary is None and config.require_summary:
        raise InputError(
            f"cannot tell which column of {where} holds the summary; name it with --reading.summary-column, "
            f"or allow rows without one with --reading.no-require-summary. Columns: {', '.join(names)}",
            field="summary_column",
        )
    return Columns(
        text=text,
        summary=summary,
        id=config.id_column,
        language=config.language_column,
        group=config.group_column,
    )


def _guess(role: str, known: tuple[str, ...], names: list[str], where: str) -> str | None:
    folded = {name.casefold().strip(): name for name in names}
    found = [folded[name] for name in known if name in folded]
    # Beside a document column, `source` names where a text came from far more often than the text itself.
    if role == "text" and len(found) > 1 and found[-1].casefold() == "source":
        found.pop()
    if len(found) > 1:
        raise InputError(
            f"{where} has several columns that could be the {role} ({', '.join(found)}); name one with --reading.{role}-column",
            field=f"{role}_column",
        )
    return found[0] if found else None


def make_record(
    row: Mapping[str, Any], columns: Columns, config: SourceConfig, *, default_id: str, meta: Mapping[str, str]
) -> Record:
    """Return the row as a record.

    Raises:
        RowError: a column is missing, of a wrong type, empty, too long, or holds bytes that are no text.
    """
    text = read_text(row, columns.text, config.max_chars)
    summary = None
    if columns.summary is not None and (config.require_summary or row.get(columns.summary)):
        summary = read_text(row, columns.summary, _MAX_SUMMARY_CHARS)
    language = row.get(columns.language) if columns.language else None
    name = row.get(columns.id) if columns.id else None
    group = row.get(columns.group) if columns.group else None
    document = Document(
        id=default_id if name in (None, "") else str(name),
        text=text,
        language=language if isinstance(language, str) and language else config.language,
        meta=meta,
    )
    return Record(document=document, summary=summary, group="" if group is None else str(group))


def read_row(
    row: Mapping[str, Any], columns: Columns, config: SourceConfig, *, where: str, meta: Mapping[str, str]
) -> Record | Rejection:
    """Return the row as a record, or why it cannot be one."""
    try:
        return make_record(row, columns, config, default_id=where, meta=meta)
    except RowError as error:
        return Rejection(where=where, reason=error.reason, detail=error.detail)


def read_text(row: Mapping[str, Any], column: str, max_chars: int) -> str:
    """Return the text under `column`.

    Raises:
        RowError: it is missing, of a wrong type, empty, too long, or no text.
    """
    if column not in row or row[column] is None:
        raise RowError("missing-column", f"no {column!r}")
    value = row[column]
    if not isinstance(value, str):
        raise RowError("wrong-type", f"{column!r} holds {type(value).__name__}, not text")
    check_text(value, column, max_chars)
    return value


def check_text(value: str, column: str, max_chars: int) -> None:
    """Refuse text that is empty, too long or no text.

    Raises:
        RowError: says which of these.
    """
    if not value.strip():
        raise RowError("empty", f"{column!r} is empty")
    if len(value) > max_chars:
        raise RowError("too-long", f"{column!r} has {len(value)} characters; at most {max_chars} are read")
    if _SURROGATE.search(value):
        raise RowError("bad-encoding", f"{column!r} is not valid UTF-8")
    if len(_CONTROL.findall(value)) > len(value) // 200:
        raise RowError("binary", f"{column!r} holds control characters, as binary data does")
