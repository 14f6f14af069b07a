"""Lines become pixels: a word is rasterized once at each of four horizontal phases and copied from then on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.layout import Line
from deepsynth.rendering.shaping import Shaped

PHASES = 4
"""Positions within a pixel that are told apart; finer ones cannot be seen."""

CACHED_BITMAPS = 50_000

Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Bitmap:
    ink: Gray
    """*Shape:* (height, width), 255 where ink covers all."""
    left: int
    top: int
    """Pixels from the origin to the left edge, and from the baseline up to the top edge."""


class Painter:
    """Draws lines on pages at one size of letters."""

    def __init__(self, px: float) -> None:
        """`px` is one em in pixels."""
        self.px = px
        self._raster = hb.RasterDraw()
        self._bitmaps: dict[tuple[Shaped, int], _Bitmap | None] = {}

    def draw(self, ink: Gray, line: Line, x: float, baseline: int) -> None:
        """Add a line to a page of ink (255 is black), its left border at `x` and its baseline at row `baseline`."""
        for shaped, offset in line.pieces:
            quarter = round((x + offset * self.px) * PHASES)
            bitmap = self._bitmap(shaped, quarter % PHASES)
            if bitmap is not None:
                _blit(ink, bitmap, quarter // PHASES + bitmap.left, baseline - bitmap.top)

    def _bitmap(self, shaped: Shaped, phase: int) -> _Bitmap | None:
        key = (shaped, phase)
        if key not in self._bitmaps:
            if len(self._bitmaps) >= CACHED_BITMAPS:
                self._bitmaps.clear()
            self._bitmaps[key] = self._rasterize(shaped, phase / PHASES)
        return self._bitmaps[key]

    def _rasterize(self, shaped: Shaped, shift: float) -> _Bitmap | None:
        for face, glyph, x, y in shaped.glyphs:
            size = self.px * shaped.scale / face.upem
            self._raster.transform = (size, 0.0, 0.0, size, x * self.px + shift, y * self.px)
            self._raster.draw_glyph(face.font, glyph)
        image = self._raster.render()
        extents = image.extents if image else None
        if image is None or extents is None or not extents.width or not extents.height:
            return None
        rows = np.frombuffer(image.buffer, np.uint8).reshape(extents.height, extents.stride)
        ink = np.ascontiguousarray(rows[::-1, : extents.width])  # the raster's rows go upwards
        return _Bitmap(ink, extents.x_origin, extents.y_origin + extents.height)


def _blit(page: Gray, bitmap: _Bitmap, left: int, top: int) -> None:
    height, width = bitmap.ink.shape
    low, high = max(0, top), min(page.shape[0], top + height)
    begin, end = max(0, left), min(page.shape[1], left + width)
    if low >= high or begin >= end:
        return
    region = page[low:high, begin:end]
    np.maximum(region, bitmap.ink[low - top : high - top, begin - left : end - left], out=region)
