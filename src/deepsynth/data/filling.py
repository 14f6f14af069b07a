"""Filling the shards of a dataset: rows from the ledger, their pages drawn by an executor; shards that are there stay."""

from __future__ import annotations

import collections
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsynth.core.documents import Document
from deepsynth.data.drawing import Drawn, document_of, draw_block
from deepsynth.data.ledger import Ledger
from deepsynth.data.scale import Executor
from deepsynth.data.shards import SCHEMA, FailedRow, picture, write_shard
from deepsynth.data.sources.base import Rejection
from deepsynth.rendering.config import RenderConfig

DRAW_ROWS = 32
"""Rows that a worker draws at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """Some rows of a shard, with their numbers in the source."""

    path: Path
    rows: list[tuple[int, dict[str, Any]]]
    done: int
    """Rows of the dataset up to the end of this block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """The shards that a dataset is to have."""

    folder: Path
    rows_per_shard: int
    rendering: RenderConfig
    max_pages: int
    stored: bool
    """Whether pages of texts are drawn now; those of files always are, since a dataset must not need the files."""

    def run(self, ledger: Ledger, executor: Executor, tell: Callable[[int], None]) -> None:
        """Write every shard that is not there yet; `tell` hears of each block how many rows of the dataset are done."""
        drawn = self._drawn_rows(self._missing(ledger), executor, tell)
        for path, rows in itertools.groupby(drawn, key=lambda item: item[0]):
            write_shard(path, (row for _, row in rows))

    def _missing(self, ledger: Ledger) -> Iterator[_Block]:
        """Yield the rows of the shards that no earlier run has written, in blocks that belong to one shard each."""
        done = 0
        for split in ledger.splits():
            rows = ledger.rows(split)
            for number in itertools.count():
                path = self.folder / f"{split}-{number:05}.parquet"
                chunk = itertools.islice(rows, self.rows_per_shard)
                if path.is_file():
                    done += sum(1 for _ in chunk)
                    continue
                before = done
                while block := list(itertools.islice(chunk, DRAW_ROWS)):
                    done += len(block)
                    yield _Block(path=path, rows=block, done=done)
                if done == before:
                    break

    def _drawn_rows(
        self, blocks: Iterable[_Block], executor: Executor, tell: Callable[[int], None]
    ) -> Iterator[tuple[Path, dict[str, Any] | FailedRow]]:
        """Yield each row with the shard that it belongs to, its pages drawn by the executor."""
        waiting: collections.deque[_Block] = collections.deque()

        def documents() -> Iterator[list[Document]]:
            for block in blocks:
                waiting.append(block)
                yield [document_of(row) for _, row in block.rows if self._is_drawn(row)]

        work = functools.partial(draw_block, self.rendering, self.max_pages)
        for drawn in executor.map(work, documents()):
            block, pages = waiting.popleft(), iter(drawn)
            for number, row in block.rows:
                yield block.path, _finished_row(number, row, next(pages) if self._is_drawn(row) else None)
            tell(block.done)

    def _is_drawn(self, row: dict[str, Any]) -> bool:
        return self.stored or row["path"] is not None


def _finished_row(number: int, row: dict[str, Any], drawn: Drawn | None) -> dict[str, Any] | FailedRow:
    """Return a row as a shard holds it; `drawn` is none where pages are drawn on reading."""
    if drawn is not None and drawn.reason is not None:
        return FailedRow(number=number, rejection=Rejection(where=row["id"], reason=drawn.reason, detail=drawn.detail))
    values = {name: row[name] for name in SCHEMA.names if name != "pages"}
    return {**values, "pages": None if drawn is None else [picture(page) for page in drawn.pages]}
