"""What the ledger takes in of a row, made by the worker that judges it: everything that needs no other row.

Only one process keeps the ledger, and all workers wait for it; so whatever can be known of a row alone is made ready here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deepsynth.core.documents import Record
from deepsynth.data.cleaning import Judged, choose_split, judge
from deepsynth.data.config import CleaningConfig, SplitConfig
from deepsynth.data.nearness import band_keys
from deepsynth.data.sources.base import Rejection
from deepsynth.rendering.config import RenderConfig

BLOCK_ROWS, BLOCK_CHARS = 128, 2_000_000
"""What a worker gets at once: many rows, unless they are long."""

Row = Record | Rejection


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A row that its own rules let through."""

    id: str
    split: str
    group: str
    content: bytes
    """See `Judged`."""
    signature: bytes | None
    """See `Judged`."""
    bands: Sequence[int]
    """The keys by which near rows are found; none without a signature."""
    flags: tuple[str, ...]
    stored: str
    """What the dataset will hold of the row, as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryMaker:
    """Judges blocks of rows for the ledger; travels to workers."""

    source: str
    """Name of the source, which stands in every row."""
    cleaning: CleaningConfig
    split: SplitConfig
    rendering: RenderConfig

    def __call__(self, block: Sequence[Row]) -> list[Entry | Rejection]:
        """Return an entry for each row of a block; rows that the source could not read stay what they are."""
        return [row if isinstance(row, Rejection) else self._entry(row) for row in block]

    def _entry(self, record: Record) -> Entry | Rejection:
        judged = judge(record, self.cleaning, self.rendering)
        if isinstance(judged, Rejection):
            return judged
        return Entry(
            id=judged.record.document.id,
            split=choose_split(judged.record, self.split),
            group=judged.record.group,
            content=judged.content,
            signature=judged.signature,
            bands=band_keys(judged.signature) if judged.signature is not None else (),
            flags=judged.flags,
            stored=json.dumps(self._stored(judged)),
        )

    def _stored(self, judged: Judged) -> dict[str, Any]:
        document, meta = judged.record.document, judged.record.document.meta
        return {
            "id": document.id,
            "text": judged.text,
            "path": None if document.path is None else str(document.path.resolve()),
            "kind": meta.get("kind"),
            "summary": judged.record.summary,
            "language": document.language,
            "group": judged.record.group,
            "source": self.source,
            "configuration": meta.get("configuration", ""),
            "original_split": meta.get("split", ""),
            "original_index": int(meta["index"]) if "index" in meta else None,
            "content_hash": document.content_hash,
        }


def cut_blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in blocks that are bounded by rows and by characters."""
    block: list[Row] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row.document.text or "") if isinstance(row, Record) else 0
        if len(block) == BLOCK_ROWS or size >= BLOCK_CHARS:
            yield block
            block, size = [], 0
    if block:
        yield block
