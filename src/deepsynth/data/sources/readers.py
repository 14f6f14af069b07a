"""Reads JSON lines, CSV, Parquet and Arrow files row by row, in bounded memory; damage costs the damaged rows only.

Each format is two functions: the names of its columns, and its rows. A row is a mapping or a `RowError`; with it comes
the place to look at. What makes a whole file unusable (absent, empty, not of its format) is an `InputError`.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from deepsynth.core.errors import InputError, MissingExtraError
from deepsynth.data.sources.columns import RowError
from deepsynth.data.sources.remote import RemoteFile, StoredFile, size_of

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is no row of text; it is skipped without being held in memory."""

_HEAD_ROWS = 20
_BATCH_ROWS = 256

RawRow = tuple[str, Mapping[str, Any] | RowError]


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


def is_table(path: StoredFile) -> bool:
    """Return whether the name of `path` is one of a table of rows."""
    return _suffix(path) in FORMATS


def _suffix(path: StoredFile) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _OPENERS:
        suffixes.pop()
        return suffixes[-1] if suffixes and suffixes[-1] not in (".parquet", ".arrow") else ""
    return suffixes[-1] if suffixes else ""


# Compressed text ------------------------------------------------------------------------------------------------------


def _open_zstd(file: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError("zstandard", "data") from error
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
    return cast("AbstractContextManager[IO[bytes]]", io.BufferedReader(cast("io.RawIOBase", reader)))


_OPENERS: dict[str, Callable[[IO[bytes]], AbstractContextManager[IO[bytes]]]] = {
    ".gz": lambda file: cast("AbstractContextManager[IO[bytes]]", gzip.GzipFile(fileobj=file, mode="rb")),
    ".xz": lambda file: cast("AbstractContextManager[IO[bytes]]", lzma.LZMAFile(file, "rb")),  # noqa: SIM115
    ".zst": _open_zstd,
}


def _damage_errors() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError]
    try:
        import zstandard
    except ImportError:
        return tuple(found)
    return (*found, zstandard.ZstdError)


def read_lines(path: StoredFile) -> Iterator[tuple[int, bytes | RowError]]:
    """Yield each line with its number from 1; a damaged rest of a compressed file is one last bad row."""
    opener = _OPENERS.get(path.suffix.lower(), nullcontext)
    number = 0
    with path.open("rb") as raw, opener(raw) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    yield number, RowError("too-long", f"the line exceeds {MAX_LINE_BYTES} bytes")
                else:
                    yield number, line
        except _damage_errors() as error:
            yield number + 1, RowError("damaged-file", f"the rest of the file cannot be unpacked: {error}")


# JSON lines -----------------------------------------------------------------------------------------------------------


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


# CSV ------------------------------------------------------------------------------------------------------------------


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


# Parquet and Arrow ----------------------------------------------------------------------------------------------------


@contextmanager
def _open_parquet(path: StoredFile) -> Generator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as raw:
        try:
            file = pq.ParquetFile(raw)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path} is no readable Parquet file: {error}") from error
        yield file


def _parquet_columns(path: StoredFile) -> list[str]:
    with _open_parquet(path) as file:
        return cast("list[str]", file.schema_arrow.names)


def _parquet_rows(path: StoredFile, columns: list[str]) -> Iterator[RawRow]:
    with _open_parquet(path) as file:
        yield from _from_batches(path, file.iter_batches(batch_size=_BATCH_ROWS, columns=columns or None))


def _parquet_count(path: StoredFile) -> int:
    with _open_parquet(path) as file:
        return int(file.metadata.num_rows)


def _arrow_columns(path: StoredFile) -> list[str]:
    with _open_arrow(path) as reader:
        return cast("list[str]", reader.schema.names)


def _arrow_rows(path: StoredFile, columns: list[str]) -> Iterator[RawRow]:
    with _open_arrow(path) as reader:
        batches = (
            reader if not hasattr(reader, "get_batch") else map(reader.get_batch, range(reader.num_record_batches))
        )
        yield from _from_batches(path, (batch.select(columns) if columns else batch for batch in batches))


@contextmanager
def _open_arrow(path: StoredFile) -> Generator[Any]:
    """Open an Arrow file of either kind: `datasets` saves streams, most other programs save files."""
    import pyarrow as pa

    with pa.memory_map(str(path)) if isinstance(path, Path) else path.open("rb") as source:
        try:
            reader = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            try:
                reader = pa.ipc.open_stream(source)
            except pa.ArrowInvalid as error:
                raise InputError(f"{path} is no readable Arrow file: {error}") from error
        with reader:
            yield reader


def _from_batches(path: StoredFile, batches: Iterable[Any]) -> Iterator[RawRow]:
    import pyarrow as pa

    number, source = 0, iter(batches)
    while True:
        try:
            batch = next(source, None)
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(path, RemoteFile) and not isinstance(error, pa.ArrowInvalid):
                raise
            yield f"{path.name}:{number + 1}", RowError("damaged-file", f"the rest of the file cannot be read: {error}")
            return
        if batch is None:
            return
        columns = {name: batch.column(name) for name in batch.schema.names}
        for index in range(batch.num_rows):
            number += 1
            yield f"{path.name}:{number}", _read_cells(columns, index)


def _read_cells(columns: Mapping[str, Any], index: int) -> Mapping[str, Any] | RowError:
    try:
        return {name: column[index].as_py() for name, column in columns.items()}
    except UnicodeDecodeError as error:
        return RowError("bad-encoding", str(error))


def _count_lines(path: StoredFile, head: int = 0) -> int | None:
    """Return the lines behind the first `head` ones; none where they would have to be fetched or unpacked."""
    if not isinstance(path, Path) or path.suffix.lower() in _OPENERS:
        return None
    with path.open("rb") as file:
        pieces = iter(functools.partial(file.read, 2**20), b"")
        return max(0, sum(piece.count(b"\n") for piece in pieces) - head)


_JSONL = Format(_jsonl_columns, _jsonl_rows, _count_lines)
_CSV = Format(lambda path: _csv_header(path)[0], _csv_rows, functools.partial(_count_lines, head=1))
FORMATS: dict[str, Format] = {
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".json": _JSONL,
    ".csv": _CSV,
    ".tsv": _CSV,
    ".parquet": Format(_parquet_columns, _parquet_rows, _parquet_count),
    ".arrow": Format(_arrow_columns, _arrow_rows, lambda path: None),
}
"""How to read each kind of table, by the suffix of its name."""
