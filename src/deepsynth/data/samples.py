"""Pages of a few rows, for the card of a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from deepsynth.core.documents import Document
from deepsynth.data.drawing import draw_block
from deepsynth.rendering.config import RenderConfig

PER_SPLIT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The first page of a row."""

    name: str
    """Name of the picture's file."""
    content: bytes
    """The picture, as PNG."""
    row: str
    """The row's id."""
    summary: str | None
    """What the row says of the whole document."""


def draw_samples(shards: Mapping[str, Sequence[Path]], rendering: RenderConfig, max_pages: int) -> list[Sample]:
    """Return the first page of the first rows of each split."""
    found: list[Sample] = []
    for split, paths in shards.items():
        for number, row in enumerate(itertools.islice(_first_rows(paths), PER_SPLIT)):
            page = _first_page(row, rendering, max_pages)
            if page is not None:
                found.append(Sample(name=f"{split}-{number}.png", content=page, row=row["id"], summary=row["summary"]))
    return found


def _first_rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(
                PER_SPLIT, columns=["id", "text", "summary", "language", "pages"], use_threads=False
            )
            yield from itertools.chain.from_iterable(batch.to_pylist() for batch in itertools.islice(batches, 1))


def _first_page(row: Mapping[str, Any], rendering: RenderConfig, max_pages: int) -> bytes | None:
    if row["pages"]:
        return row["pages"][0]["bytes"]
    (drawn,) = draw_block(rendering, max_pages, [Document(id=row["id"], text=row["text"], language=row["language"])])
    return drawn.pages[0] if drawn.pages else None
