"""Lines become pixels: a glyph is rasterized once at each sub-pixel phase, and a page is painted by a few array operations.

What is kept of a glyph is its ink alone: for each pixel that is not white, how far it lies from the glyph's origin in a page's
memory, and how dark it is, in rows of `ROW` pixels that are copied whole. A page is then one gather of all glyphs' ink and one
scatter with maximum, so the cost of a page does not depend on whether its words were seen before. Positions are whole quarters
of a pixel, so nothing depends on order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.layout import Line
from deepsynth.rendering.shaping import GLYPH_CODES, GlyphCodes, Ints
from deepsynth.rendering.words import Words, grown

PHASES = 4  # a power of two: shifts and masks below count on it
"""Positions within a pixel that are told apart, across and down; finer ones cannot be seen."""
CELLS = PHASES * PHASES
"""Rasters of one glyph."""
CHUNK = 4096
"""Glyphs painted at once: most pages whole, and the arrays of a very full one stay small."""
ROW = 16
"""Pixels of ink that are kept side by side; what a glyph leaves of its last row repeats its last pixel."""
CACHED_INK = 3_000_000
"""Pixels of ink kept (9 bytes each); beyond that the atlas starts anew, so memory stays bounded on endless corpora."""

Gray = npt.NDArray[np.uint8]
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
        for words, group in itertools.groupby(lines, key=lambda placed: placed[0].words):
            self._paint(page, words, list(group))
        return page.reshape(self._height, self._width)

    def _paint(self, page: Gray, words: Words, lines: Sequence[PlacedLine]) -> None:
        sizes = [len(line.numbers) for line, _, _ in lines]
        codes, places, counts = words.glyphs(np.concatenate([line.numbers for line, _, _ in lines]))
        lefts = np.concatenate([line.xs for line, _, _ in lines]) * self._px
        lefts += np.repeat(np.array([x for _, x, _ in lines], np.float64), sizes)
        baselines = np.repeat(np.array([baseline for _, _, baseline in lines], np.float64), sizes)
        places *= self._px
        across = _quarters(places[:, 0] + np.repeat(lefts, counts))
        down = _quarters(np.repeat(baselines, counts) - places[:, 1])
        cells = codes * CELLS
        cells += (down & PHASES - 1) * PHASES
        cells += across & PHASES - 1
        across >>= 2
        down >>= 2
        for start in range(0, len(cells), CHUNK):
            part = slice(start, start + CHUNK)
            self._draw(page, cells[part], across[part], down[part])

    def _draw(self, page: Gray, cells: Ints, columns: Ints, rows: Ints) -> None:
        entries = self._atlas.entries(cells)
        left, top, right, bottom, first, count = self._atlas.facts.take(entries, axis=0).T
        ends = np.cumsum(count)
        place = np.repeat(first - ends + count, count)
        place += np.arange(len(place))
        target = self._atlas.offsets.take(place, axis=0)
        target += np.repeat(rows * self._width + columns, count)[:, None]
        ink = self._atlas.ink.take(place, axis=0)
        left += columns
        right += columns
        top += rows
        bottom += rows
        if left.min() < 0 or right.max() > self._width or top.min() < 0 or bottom.max() > self._height:
            x = np.repeat(columns, count)[:, None] + self._atlas.across.take(place, axis=0)
            kept = (x >= 0) & (x < self._width) & (target >= 0) & (target < len(page))
            target, ink = target[kept], ink[kept]
        np.maximum.at(page, target.ravel(), ink.ravel())


def _quarters(pixels: npt.NDArray[np.float64]) -> Ints:
    pixels *= PHASES
    pixels += 0.5
    return np.floor(pixels, out=pixels).astype(np.int64)


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
        self.offsets, self.across = np.zeros((1 << 12, ROW), np.int64), np.zeros((1 << 12, ROW), np.int16)
        self.ink = np.zeros((1 << 12, ROW), np.uint8)
        self.facts = np.zeros((1 << 10, 6), np.int64)
        """Of each entry: its box around the origin (left, top, right, bottom), its first row of ink, and how many."""

    def entries(self, cells: Ints) -> npt.NDArray[np.int32]:
        """Return the entry of each cell (code, phase down, phase across), rasterized where it is new."""
        if self._codes.count * CELLS > len(self._entry):
            self._entry = np.concatenate(
                [self._entry, np.zeros(self._codes.count * CELLS - len(self._entry), np.int32)]
            )
        entries = self._entry[cells]
        if not entries.all():
            if self._used * ROW > CACHED_INK:
                self._clear()
                return self.entries(cells)
            self._add(np.unique(cells[entries == 0]))
            entries = self._entry[cells]
        return entries

    def _add(self, cells: Ints) -> None:
        """Rasterize cells, and keep their ink."""
        rasters = [self._rasterize(cell // CELLS, cell % PHASES, cell % CELLS // PHASES) for cell in cells.tolist()]
        boxes = np.array([box for _, box in rasters], np.int64)
        left, top, width, height, stride = boxes.T
        sizes = height * stride
        pixels = np.frombuffer(b"".join([buffer for buffer, _ in rasters]), np.uint8)
        inked = np.flatnonzero(pixels)
        glyph = np.repeat(np.arange(len(cells)), sizes)[inked]
        place = inked - (np.cumsum(sizes) - sizes)[glyph]
        y, x = place // stride[glyph], place % stride[glyph]
        across, down = left[glyph] + x, top[glyph] + height[glyph] - 1 - y  # a raster's rows go upwards
        count = np.bincount(glyph, minlength=len(cells))
        rows = -(-count // ROW)
        end, last = self._used + int(rows.sum()), np.cumsum(count)
        # rows of whole length: what a glyph leaves of its last row repeats its last pixel
        kept = np.repeat(last - count, rows * ROW) + np.arange(rows.sum() * ROW)
        kept -= np.repeat((np.cumsum(rows) - rows) * ROW, rows * ROW)
        kept = np.minimum(kept, np.repeat(last - 1, rows * ROW)).reshape(-1, ROW)
        self.offsets, self.across, self.ink = grown(self.offsets, end), grown(self.across, end), grown(self.ink, end)
        self.offsets[self._used : end] = (down * self._width + across)[kept]
        self.across[self._used : end] = across[kept]
        self.ink[self._used : end] = pixels[inked][kept]
        entries = np.arange(self._count, self._count + len(cells))
        self.facts = grown(self.facts, self._count + len(cells))
        first = self._used + np.cumsum(rows) - rows
        self.facts[entries] = np.stack([left, top, left + width, top + height, first, rows], axis=1)
        self._entry[cells] = entries
        self._used, self._count = end, self._count + len(cells)

    def _rasterize(self, code: int, across: int, down: int) -> tuple[bytes, tuple[int, int, int, int, int]]:
        """Return a glyph's raster, and its left, top (from the origin, downwards), width, height and stride."""
        face, glyph, scale = self._codes.glyph(code)
        size = self._px * scale / face.upem
        self._raster.transform = (size, 0.0, 0.0, size, across / PHASES, -down / PHASES)
        self._raster.draw_glyph(face.font, glyph)
        image = self._raster.render()
        box = image.extents if image else None
        if image is None or box is None or not box.width or not box.height:
            return b"", (0, 0, 0, 0, 1)
        place = (box.x_origin, -(box.y_origin + box.height), box.width, box.height, box.stride)
        return bytes(image.buffer), place
