"""HarfBuzz, met in one place: the compiled module carries no types, so to the type checker it is `Any`."""

from typing import Any

import uharfbuzz

hb: Any = uharfbuzz
"""The library: `Blob`, `Face`, `Font`, `Buffer`, `shape`, `RasterDraw`."""
