"""Pages of a few rows, for the card of a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from deepsynth.core.documents import Document
from deepsynth.data.drawing import draw_block
from deepsynth.rendering.config import RenderConfig

PER_SPLIT = 2


def draw_samples(shards: Mapping[str, Sequence[Path]], rendering: RenderConfig, max_pages: int) -> dict[str, bytes]:
    """Return name -> PNG of the first page of the first rows of each split."""
    found: dict[str, bytes] = {}
    for split, paths in shards.items():
        for number, row in enumerate(itertools.islice(_first_rows(paths), PER_SPLIT)):
            page = _first_page(row, rendering, max_pages)
            if page is not None:
                found[f"{split}-{number}.png"] = page
    return found


def _first_rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(PER_SPLIT, columns=["id", "text", "language", "pages"], use_threads=False)
            yield from itertools.chain.from_iterable(batch.to_pylist() for batch in itertools.islice(batches, 1))


def _first_page(row: Mapping[str, Any], rendering: RenderConfig, max_pages: int) -> bytes | None:
    if row["pages"]:
        return row["pages"][0]["bytes"]
    (drawn,) = draw_block(rendering, max_pages, [Document(id=row["id"], text=row["text"], language=row["language"])])
    return drawn.pages[0] if drawn.pages else None
