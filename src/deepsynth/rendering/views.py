"""A page image as the encoder takes it: one square view, and tiles in the modes that have them.

Pillow alone, because its bicubic filter is what the official code uses: every pixel equals the reference's, which
torchvision's does not (notes in `tests/rendering/test_views.py`, checked against recorded hashes).
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from deepsynth.core.geometry import NO_TILES, Mode
from deepsynth.core.processor import PageViews, Pixels

PADDING = (127, 127, 127)
"""Gray, as the official code pads: 0.5 of 255, which is about 0 after normalization."""


def page_views(image: Image.Image, mode: Mode) -> PageViews:
    """Return the views of a page image in `mode`.

    Upstream: `infer` of DeepSeek-OCR. Modes with `stretch` resize to the square without regard to the aspect; others pad
    with gray; a page larger than a tile is also resized to its grid and cut row by row.
    """
    picture = ImageOps.exif_transpose(image).convert("RGB")
    size = (mode.size, mode.size)
    view = picture.resize(size) if mode.stretch else _pad(picture, size)
    grid = mode.grid(*picture.size)
    tiles = None if grid == NO_TILES or mode.tile is None else _cut(picture, grid, mode.tile)
    return PageViews(mode=mode, global_view=np.asarray(view), tiles=tiles, grid=grid)


def _pad(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    if picture.size == size:  # a page drawn for this mode: nothing to resample
        return picture
    return ImageOps.pad(picture, size, color=PADDING)


def _cut(picture: Image.Image, grid: tuple[int, int], tile: int) -> Pixels:
    columns, rows = grid
    pixels = np.asarray(picture.resize((columns * tile, rows * tile)))
    split = pixels.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2)
    return np.ascontiguousarray(split.reshape(rows * columns, tile, tile, 3))
