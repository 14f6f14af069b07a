"""How tables of each kind are read, row by row and in bounded memory; damage costs the damaged rows only.

JSON lines and CSV are read here, on `lines`; Parquet and Arrow in `columnar`. Each format is two functions, the names of
its columns and its rows, and a third that counts them where that is quick. A row is a mapping or a `RowError`; with it comes
the place to look at. What makes a whole file unusable (absent, empty, not of its format) is an `InputError`.
"""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any, cast

from deepsynth.core.errors import InputError
from deepsynth.data.sources.columnar import arrow_columns, arrow_rows, parquet_columns, parquet_count, parquet_rows
from deepsynth.data.sources.columns import RawRow, RowError
from deepsynth.data.sources.lines import MAX_LINE_BYTES, PACKED, count_lines, read_lines
from deepsynth.data.sources.remote import RemoteFile, StoredFile, size_of

_HEAD_ROWS = 20


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one kind are read."""

    columns: Callable[[StoredFile], list[str]]
    rows: Callable[[StoredFile, list[str]], Iterator[RawRow]]
    count: Callable[[StoredFile], int | None]
    """The number of rows, about, where it is quickly told."""


def find_format(path: StoredFile) -> Format:
    """Return how to read `path`, by its name.

    Raises:
        InputError: the file is absent, empty, or of no known kind.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}; check the path")
    suffix = _suffix(path)
    if suffix not in FORMATS:
        raise InputError(
            f"cannot read {path}: known kinds are {', '.join(FORMATS)}, the first five also .gz, .zst, .xz"
        )
    if size_of(path) == 0:
        raise InputError(f"{path} is empty")
    return FORMATS[suffix]


def is_table(path: PurePath | RemoteFile) -> bool:
    """Return whether the name of `path` is one of a table of rows."""
    return _suffix(path) in FORMATS


def _suffix(path: PurePath | RemoteFile) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
        return suffixes[-1] if suffixes and suffixes[-1] not in (".parquet", ".arrow") else ""
    return suffixes[-1] if suffixes else ""


def _jsonl_columns(path: StoredFile) -> list[str]:
    rows = (row for _, row in islice(_jsonl_rows(path, []), _HEAD_ROWS) if isinstance(row, Mapping))
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise InputError(f"{path} does not hold one JSON object a line (a JSON array can be split by: jq -c '.[]')")
    return names


def _jsonl_rows(path: StoredFile, columns: list[str]) -> Iterator[RawRow]:
    for number, line in read_lines(path):
        if isinstance(line, RowError):
            yield f"{path.name}:{number}", line
        elif line.strip():
            yield f"{path.name}:{number}", _parse_object(line)


def _parse_object(line: bytes) -> Mapping[str, Any] | RowError:
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except UnicodeDecodeError as error:
        return RowError("bad-encoding", str(error))
    except (ValueError, RecursionError) as error:
        return RowError("bad-json", str(error))
    if not isinstance(value, dict):
        return RowError("wrong-type", f"the line holds {type(value).__name__}, not an object")
    return cast("dict[str, Any]", value)


def _csv_header(path: StoredFile) -> tuple[list[str], str]:
    first = next(iter(read_lines(path)), (0, b""))[1]
    if isinstance(first, RowError):
        raise InputError(f"{path}: {first}")
    header = first.decode("utf-8-sig", "replace").strip("\r\n")
    delimiter = "\t" if path.name.lower().split(".")[1:2] == ["tsv"] else max(",;\t", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    if not names or len(set(names)) < len(names):
        raise InputError(f"{path}: the first line must name each column once; it reads {header[:80]!r}")
    return names, delimiter


def _csv_lines(path: StoredFile) -> Iterator[str]:
    for number, line in read_lines(path):
        if isinstance(line, RowError):
            raise line
        text = line.decode("utf-8", "surrogateescape")
        yield text.removeprefix("\ufeff") if number == 1 else text


def _csv_rows(path: StoredFile, columns: list[str]) -> Iterator[RawRow]:
    names, delimiter = _csv_header(path)
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_csv_lines(path), delimiter=delimiter)
    next(reader)
    while True:
        where = f"{path.name}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield where, RowError("bad-csv", str(error))
            continue
        except RowError as error:
            yield where, error
            return
        if cells:
            yield where, _name_cells(names, cells)


def _name_cells(names: list[str], cells: list[str]) -> Mapping[str, str] | RowError:
    if len(cells) != len(names):
        return RowError("missing-column", f"{len(cells)} cells for {len(names)} columns")
    return dict(zip(names, cells, strict=True))


_JSONL = Format(_jsonl_columns, _jsonl_rows, count_lines)
_CSV = Format(lambda path: _csv_header(path)[0], _csv_rows, functools.partial(count_lines, head=1))
FORMATS: dict[str, Format] = {
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".json": _JSONL,
    ".csv": _CSV,
    ".tsv": _CSV,
    ".parquet": Format(parquet_columns, parquet_rows, parquet_count),
    ".arrow": Format(arrow_columns, arrow_rows, lambda path: None),
}
"""How to read each kind of table, by the suffix of its name."""
