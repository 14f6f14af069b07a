"""The pictures of an evaluation's pages, one PNG file each, beside its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepsynth.core.documents import Example
from deepsynth.core.files import write_bytes
from deepsynth.rendering.png import encode_png

PAGES = "pages"


def page_path(row: int, page: int) -> str:
    """Return where the picture of a page lies, relative to the evaluation's folder."""
    return f"{PAGES}/{row:06}-{page:03}.png"


def save_pages(folder: Path, first: int, examples: Sequence[Example]) -> list[list[str]]:
    """Write the picture of every page below `folder`, rows counted from `first`; return their names, row by row.

    A page that is there encoded has no picture.
    """
    names: list[list[str]] = []
    for row, example in enumerate(examples, first):
        names.append([page_path(row, page.number) for page in example.pages])
        for page, name in zip(example.pages, names[-1], strict=True):
            write_bytes(folder / name, encode_png(page.image))
    return names
