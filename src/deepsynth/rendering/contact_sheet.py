"""Many pages on one picture, to look at them all at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image

CELL = 256
GAP = 8
BACKGROUND = 160
MOST = 60
"""Pages on a sheet; the first ones of a longer document."""


def contact_sheet(pages: Sequence[Image.Image]) -> Image.Image:
    """Return the first pages side by side, each scaled to fit a cell, in gray."""
    shown = [_fit(page) for page in pages[:MOST]]
    columns = max(1, math.ceil(math.sqrt(len(shown))))
    rows = math.ceil(len(shown) / columns)
    step = CELL + GAP
    sheet = Image.new("L", (columns * step + GAP, max(1, rows) * step + GAP), BACKGROUND)
    for number, page in enumerate(shown):
        sheet.paste(page, (GAP + number % columns * step, GAP + number // columns * step))
    return sheet


def _fit(page: Image.Image) -> Image.Image:
    scale = min(CELL / page.width, CELL / page.height)
    size = (max(1, round(page.width * scale)), max(1, round(page.height * scale)))
    enlarged = scale >= 1 and scale == int(scale)
    return page.convert("L").resize(size, Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS)
