"""Shards: Parquet files of rows with their pages, written whole or not at all, in memory of a few rows.

The pages are pictures in the sense of the Hub's viewer and of the `datasets` library, which show and decode them. A shard says
in its own metadata which rows could not be drawn, so that nothing needs to be written beside it in the same moment.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deepsynth.core.files import new_file
from deepsynth.data.sources.base import Rejection

ROWS_PER_GROUP = 64
_REJECTED = b"deepsynth.rejected"
_STRINGS = ("id", "text", "summary", "language", "group", "source", "configuration", "original_split")
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEATURES = {
    **{name: {"dtype": "string", "_type": "Value"} for name in _STRINGS},
    "original_index": {"dtype": "int64", "_type": "Value"},
    "content_hash": {"dtype": "string", "_type": "Value"},
    "pages": {"feature": {"_type": "Image"}, "_type": "List"},
}
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _STRINGS),
        ("original_index", pa.int64()),
        ("content_hash", pa.string()),
        ("pages", pa.list_(_PICTURE)),
    ],
    metadata={b"huggingface": json.dumps({"info": {"features": _FEATURES}}).encode()},
)
"""A row's identity is source, configuration, original split and index, and the hash of its content."""

_PACKED: Any = {
    **{name: "ZSTD" for name in SCHEMA.names if name != "pages"},
    "pages.list.element.bytes": "NONE",
    "pages.list.element.path": "NONE",
}
"""Compression by column; PNG files are packed already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRow:
    """A row that was to be in a shard and could not be drawn."""

    number: int
    """Its place in the source."""
    rejection: Rejection


@contextmanager
def system_memory() -> Generator[None]:
    """Let Arrow take memory from the system and give it back: its own allocator keeps what many small reads have left."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def write_shard(path: Path, rows: Iterable[Mapping[str, Any] | FailedRow]) -> None:
    """Write the rows of a shard as they come; those that could not be drawn are noted in its metadata."""
    failed: list[FailedRow] = []
    with new_file(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression=_PACKED) as writer:
        group: list[Mapping[str, Any]] = []
        for row in rows:
            if isinstance(row, FailedRow):
                failed.append(row)
                continue
            group.append(row)
            if len(group) == ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                group = []
        if group:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
        notes = [[item.number, item.rejection.where, item.rejection.reason, item.rejection.detail] for item in failed]
        writer.add_key_value_metadata({_REJECTED: json.dumps(notes).encode()})


def shard_rows(path: Path) -> int:
    """Return the number of rows of a shard."""
    return pq.read_metadata(path).num_rows


def failed_rows(path: Path) -> list[FailedRow]:
    """Return the rows that are missing from a shard because they could not be drawn."""
    notes = json.loads((pq.read_metadata(path).metadata or {}).get(_REJECTED, b"[]"))
    return [
        FailedRow(number=number, rejection=Rejection(where=where, reason=reason, detail=detail))
        for number, where, reason, detail in notes
    ]


def picture(content: bytes) -> dict[str, Any]:
    """Return a page as the column `pages` holds it."""
    return {"bytes": content, "path": None}
