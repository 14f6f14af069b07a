"""Lines become pixels: a glyph is rasterized once at each sub-pixel phase, and a page is painted by a few array operations.

What is kept of a glyph is its ink alone: for each pixel that is not white, how far it lies from the glyph's origin in a page's
memory, and how dark it is. A page is then one gather of all glyphs' ink and one scatter with maximum, so the cost of a page
does not depend on whether its words were seen before. Positions are whole quarters of a pixel, so nothing depends on order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.layout import Line
from deepsynth.rendering.shaping import GLYPH_CODES, GlyphCodes

PHASES = 4  # a power of two: shifts and masks below count on it
"""Positions within a pixel that are told apart, across and down; finer ones cannot be seen."""
CELLS = PHASES * PHASES
"""Rasters of one glyph."""
CHUNK = 512
"""Glyphs painted at once: their arrays stay in the processor's cache."""
CACHED_INK = 3_000_000
"""Pixels of ink kept (11 bytes each); beyond that the atlas starts anew, so memory stays bounded on endless corpora."""

Gray = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
PlacedLine = tuple[Line, float, int]
"""A line, the x of its left border and the row of its baseline, in pixels."""


class Painter:
    """Draws lines on pages of one size with letters of one size."""

    def __init__(self, px: float, size: tuple[int, int]) -> None:
        """`px` is one em in pixels, `size` the width and height of a page."""
        self._px = px
        self._width, self._height = size
        self._atlas = _Atlas(px, self._width)

    def paint(self, lines: Sequence[PlacedLine]) -> Gray:
        """Return a page of ink, *shape* (height, width): 255 is black, 0 is paper."""
        page = np.zeros(self._height * self._width, np.uint8)
        words = [
            (shaped.glyphs, x + offset * self._px, base) for line, x, base in lines for shaped, offset in line.pieces
        ]
        if words:
            glyphs = np.concatenate([word[0] for word in words], axis=1)
            counts = np.array([word[0].shape[1] for word in words])
            x = glyphs[1] * self._px + np.repeat(np.array([word[1] for word in words]), counts)
            y = np.repeat(np.array([word[2] for word in words], np.float64), counts) - glyphs[2] * self._px
            across, down = _quarters(x), _quarters(y)
            cells = glyphs[0].astype(np.int64) * CELLS + (down & PHASES - 1) * PHASES + (across & PHASES - 1)
            columns, rows = across >> 2, down >> 2
            for start in range(0, len(cells), CHUNK):
                part = slice(start, start + CHUNK)
                self._draw(page, cells[part], columns[part], rows[part])
        return page.reshape(self._height, self._width)

    def _draw(self, page: Gray, cells: Ints, columns: Ints, rows: Ints) -> None:
        entries = self._atlas.entries(cells)
        lengths = self._atlas.lengths[entries]
        ends = np.cumsum(lengths)
        place = np.repeat(self._atlas.starts[entries] - ends + lengths, lengths)
        place += np.arange(ends[-1])
        target = self._atlas.offsets.take(place)
        target += np.repeat(rows * self._width + columns, lengths)
        ink = self._atlas.ink.take(place)
        boxes = self._atlas.boxes[:, entries]  # left, top, right, bottom around the origin
        inside = (columns + boxes[0] >= 0) & (columns + boxes[2] <= self._width)
        inside &= (rows + boxes[1] >= 0) & (rows + boxes[3] <= self._height)
        if not inside.all():
            kept = self._on_page(place, np.repeat(columns, lengths), np.repeat(rows, lengths))
            target, ink = target[kept], ink[kept]
        np.maximum.at(page, target, ink)

    def _on_page(self, place: Ints, columns: Ints, rows: Ints) -> npt.NDArray[np.bool_]:
        across = self._atlas.across[place]
        down = (self._atlas.offsets[place] - across) // self._width
        x, y = columns + across, rows + down
        return (x >= 0) & (x < self._width) & (y >= 0) & (y < self._height)


def _quarters(pixels: npt.NDArray[np.float64]) -> Ints:
    return np.floor(pixels * PHASES + 0.5).astype(np.int64)


class _Atlas:
    """The ink of every raster that was needed so far, end to end."""

    def __init__(self, px: float, width: int, codes: GlyphCodes = GLYPH_CODES) -> None:
        self._px, self._width, self._codes = px, width, codes
        self._raster = hb.RasterDraw()
        self._clear()

    def _clear(self) -> None:
        self._entry = np.zeros(0, np.int32)  # by cell; 0 is not there yet
        self._used = 0
        self._count = 1
        self.offsets, self.across = np.zeros(1 << 16, np.int64), np.zeros(1 << 16, np.int16)
        self.ink = np.zeros(1 << 16, np.uint8)
        self.starts, self.lengths = np.zeros(1 << 10, np.int64), np.zeros(1 << 10, np.int64)
        self.boxes = np.zeros((4, 1 << 10), np.int64)

    def entries(self, cells: Ints) -> npt.NDArray[np.int32]:
        """Return the entry of each cell (code, phase down, phase across), rasterized where it is new."""
        if self._codes.count * CELLS > len(self._entry):
            self._entry = np.concatenate(
                [self._entry, np.zeros(self._codes.count * CELLS - len(self._entry), np.int32)]
            )
        entries = self._entry[cells]
        if not entries.all():
            if self._used > CACHED_INK:
                self._clear()
                return self.entries(cells)
            for cell in np.unique(cells[entries == 0]).tolist():
                self._add(cell)
            entries = self._entry[cells]
        return entries

    def _add(self, cell: int) -> None:
        code, phase = divmod(cell, CELLS)
        rows, left, top = self._rasterize(code, phase % PHASES, phase // PHASES)
        y, x = np.nonzero(rows)
        end = self._used + len(y)
        if end > len(self.ink):
            self.offsets, self.across, self.ink = (
                np.concatenate([kept, np.zeros(end, kept.dtype)]) for kept in (self.offsets, self.across, self.ink)
            )
        if self._count == len(self.starts):
            self.starts, self.lengths = np.concatenate([self.starts] * 2), np.concatenate([self.lengths] * 2)
            self.boxes = np.concatenate([self.boxes] * 2, axis=1)
        self.offsets[self._used : end] = (y + top) * self._width + x + left
        self.across[self._used : end] = x + left
        self.ink[self._used : end] = rows[y, x]
        self.starts[self._count], self.lengths[self._count] = self._used, len(y)
        self.boxes[:, self._count] = left, top, left + rows.shape[1], top + rows.shape[0]
        self._entry[cell] = self._count
        self._used, self._count = end, self._count + 1

    def _rasterize(self, code: int, across: int, down: int) -> tuple[Gray, int, int]:
        """Return a glyph's ink, and columns and rows from its origin to the ink's left and top edge."""
        face, glyph, scale = self._codes.glyph(code)
        size = self._px * scale / face.upem
        self._raster.transform = (size, 0.0, 0.0, size, across / PHASES, -down / PHASES)
        self._raster.draw_glyph(face.font, glyph)
        image = self._raster.render()
        extents = image.extents if image else None
        if image is None or extents is None or not extents.width or not extents.height:
            return np.zeros((0, 0), np.uint8), 0, 0
        rows = np.frombuffer(image.buffer, np.uint8).reshape(extents.height, extents.stride)
        # the raster's rows go upwards
        return rows[::-1, : extents.width], extents.x_origin, -(extents.y_origin + extents.height)
