"""Pictures of the pages of a dataset's rows: the stored ones, or drawn as training would draw them.

Datasets were made or pulled by the user, so they are opened in this process; for what strangers upload see `web.confined`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsynth.web.errors import UnknownThingError


@functools.lru_cache(maxsize=8)
def open_dataset(path: Path, _changed: int) -> Any:
    """Return a prepared dataset, read once for as long as its settings do not change.

    Raises:
        CheckpointError: it is not finished, or damaged.
    """
    from deepsynth.data.prepared import PreparedDataset

    return PreparedDataset(path)


@functools.lru_cache(maxsize=8)
def open_split(path: Path, changed: int, split: str) -> Any:
    """Return a split of a prepared dataset.

    Raises:
        InputError: it has no such split.
    """
    return open_dataset(path, changed).split(split)


def row_page(path: Path, changed: int, split: str, index: int, number: int) -> bytes:
    """Return a page of a dataset's row as PNG: the stored one, or drawn as training would draw it.

    Raises:
        UnknownThingError: there is no such row or page.
    """
    from deepsynth.rendering.png import encode_png

    rows = open_split(path, changed, split)
    if not 0 <= index < len(rows):
        raise UnknownThingError(f"split {split} has {len(rows)} rows, counted from 0")
    pages = rows.pages(index) or tuple(_drawn(path, changed, rows.row(index)))
    if not 0 <= number < len(pages):
        raise UnknownThingError(f"row {index} has {len(pages)} pages, counted from 0")
    return encode_png(pages[number].image)


def _drawn(path: Path, changed: int, row: Any) -> Iterator[Any]:
    from deepsynth.core.documents import Document
    from deepsynth.data.prepared import QuantizedRenderer
    from deepsynth.rendering.renderer import make_renderer

    renderer = QuantizedRenderer(make_renderer(open_dataset(path, changed).rendering))
    return renderer.render(Document(id=row.id, text=row.text))
