"""Parquet and Arrow files: their columns and their rows, some hundred rows in memory at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from deepsynth.core.errors import InputError
from deepsynth.data.sources.columns import RawRow, RowError
from deepsynth.data.sources.remote import RemoteFile, StoredFile

_BATCH_ROWS = 256


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


def parquet_columns(path: StoredFile) -> list[str]:
    """Return the names of a Parquet file's columns."""
    with _open_parquet(path) as file:
        return cast("list[str]", file.schema_arrow.names)


def parquet_rows(path: StoredFile, columns: list[str]) -> Iterator[RawRow]:
    """Yield the rows of a Parquet file, with these columns alone where some are named."""
    with _open_parquet(path) as file:
        yield from _from_batches(path, file.iter_batches(batch_size=_BATCH_ROWS, columns=columns or None))


def parquet_count(path: StoredFile) -> int:
    """Return the number of rows, from the file's foot."""
    with _open_parquet(path) as file:
        return int(file.metadata.num_rows)


def arrow_columns(path: StoredFile) -> list[str]:
    """Return the names of an Arrow file's columns."""
    with _open_arrow(path) as reader:
        return cast("list[str]", reader.schema.names)


def arrow_rows(path: StoredFile, columns: list[str]) -> Iterator[RawRow]:
    """Yield the rows of an Arrow file, with these columns alone where some are named."""
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
