"""What is kept out of a dataset and why, as far as one row can tell by itself: each rule gives a short reason.

Rules that compare rows (duplicates, groups, leaks) are in `ledger`; every reason is counted in the report.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from deepsynth.core.documents import Document, Record
from deepsynth.core.errors import InputError
from deepsynth.data import languages, nearness
from deepsynth.data.config import CleaningConfig, SplitConfig
from deepsynth.data.drawing import why_undrawable
from deepsynth.data.sources.base import Rejection, hash_place
from deepsynth.data.wording import letters
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.renderer import document_kind, read_text

_BLANKS = re.compile(r"[ \t]+(?=\n)")
_EMPTY_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A row that its own rules let through, with what is needed to compare it with others."""

    record: Record
    text: str | None
    """The document's text; for a file its text layer; none for pictures and scans."""
    content: bytes
    """Equal for documents with the same letters and digits (or, without text, the same bytes)."""
    signature: bytes | None
    """See `nearness.signature`; none where nearness is not looked at."""
    flags: tuple[str, ...] = ()


def judge(record: Record, config: CleaningConfig, rendering: RenderConfig) -> Judged | Rejection:
    """Return the row in its final form, or the first rule that it breaks. Depends on nothing but its arguments."""
    flags: list[str] = []
    try:
        record = _in_language(_tidy(record, config))
        text = _readable_text(record.document)
        reason = _why_unfit(record, text, config, flags) or why_undrawable(record.document, rendering, config.max_pages)
    except InputError as error:
        return Rejection(where=record.document.id, reason="unreadable-document", detail=str(error))
    if reason is not None:
        return Rejection(where=record.document.id, reason=reason)
    looks = config.near_duplicates != "keep" or config.leaks != "keep"
    return Judged(
        record=record,
        text=text,
        content=_content(record.document, text),
        signature=nearness.signature(text) if text and looks else None,
        flags=tuple(flags),
    )


def _tidy(record: Record, config: CleaningConfig) -> Record:
    text, summary = record.document.text, record.summary
    if config.normalize:
        text, summary = text and tidy_text(text), summary and tidy_text(summary)
    if text is not None:
        text = cut_text(text, config.cut_chars)
    if text == record.document.text and summary == record.summary:
        return record
    return replace(record, document=replace(record.document, text=text), summary=summary)


def tidy_text(text: str) -> str:
    """Return the text in one form: see `normalize_text`; blanks at line ends and runs of blank lines go as well."""
    return _EMPTY_LINES.sub("\n\n", _BLANKS.sub("", normalize_text(text))).strip()


def cut_text(text: str, limit: int | None) -> str:
    """Return the text cut to `limit` characters, behind a whole paragraph, sentence or word."""
    if limit is None or len(text) <= limit:
        return text
    head = text[: limit + 1]
    ends = [head.rfind("\n", 0, limit + 1), head.rfind(". ", 0, limit) + 1, head.rfind(" ", 0, limit + 1)]
    end = next((place for place in ends if place >= limit // 2), limit)
    return text[:end].rstrip()


def _in_language(record: Record) -> Record:
    document = record.document
    if document.language != "detect":
        return record
    found = languages.detect(document.text) if document.text else None
    return replace(record, document=replace(document, language=found or "und"))


def _readable_text(document: Document) -> str | None:
    """Return the text by which a document is judged and compared.

    Raises:
        InputError: the file cannot be opened.
    """
    if document.path is None:
        return document.text
    kind = document_kind(document)
    if kind == "pdf":
        from deepsynth.rendering.pdf import pdf_text

        return tidy_text(pdf_text(document.path)) or None
    return read_text(document.path) if kind in ("text", "markdown") else None


def _why_unfit(record: Record, text: str | None, config: CleaningConfig, flags: list[str]) -> str | None:
    """Return the first rule on texts that a row breaks; what is only flagged is added to `flags`."""
    summary = record.summary
    if summary is not None and len(summary) < config.min_summary_chars:
        return "summary-too-short"
    if text is None:
        return None
    if len(text) < config.min_chars:
        return "document-too-short"
    if summary is not None and len(text) < config.min_compression * len(summary):
        return "compression-too-low"
    found = {
        "summary-verbatim-in-document": (config.verbatim_summaries, lambda: _is_verbatim(summary, text)),
        "language-differs": (config.language_check, lambda: languages.contradicts(text, record.document.language)),
    }
    for name, (policy, is_so) in found.items():
        if policy != "keep" and is_so():
            if policy == "drop":
                return name
            flags.append(name)
    return None


def _is_verbatim(summary: str | None, text: str) -> bool:
    return summary is not None and letters(summary) in letters(text)


def _content(document: Document, text: str | None) -> bytes:
    key = letters(text) if text else document.content_hash
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def choose_split(record: Record, config: SplitConfig) -> str:
    """Return the split that the source names, or the one that the hash of the row's group decides."""
    named = record.document.meta.get("split")
    if named:
        return named
    place = hash_place(f"{config.seed}:{record.group or record.document.id}")
    if place < config.test:
        return "test"
    return "validation" if place < config.test + config.validation else "train"
