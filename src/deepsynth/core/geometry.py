"""Page geometry: pixel sizes, tile grids and visual-token counts of every mode; integers only, shared by all packages.

Sources: the official preprocessing of DeepSeek-OCR (`dynamic_preprocess`, `find_closest_aspect_ratio`) and its order of
features: tiles, global view, separator; version 1 ends each row of features with a newline token, version 2 has none.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from deepsynth.core.errors import SettingsError

Layout = Literal["v1", "v2"]
Grid = tuple[int, int]
"""Columns and rows of tiles; (1, 1) means that the page is one global view without tiles."""

NO_TILES: Grid = (1, 1)


@dataclass(frozen=True, slots=True)
class Mode:
    """How a page image becomes the encoder's input."""

    name: str
    layout: Layout
    size: int
    """Side of the square global view, in pixels."""
    token_px: int = 64
    """Side of the square that one visual token covers: patch size times the compressor's stride of 4."""
    tile: int | None = None
    """Side of a tile in pixels; none for modes without tiles."""
    max_tiles: int = 0
    stretch: bool = False
    """Whether a page is resized to the square without regard to its aspect (small modes); else it is padded."""

    def __post_init__(self) -> None:
        if self.size % self.token_px or (self.tile or 0) % self.token_px:
            raise SettingsError(f"mode {self.name!r}: {self.size} and {self.tile} must be multiples of {self.token_px}")

    def grid(self, width: int, height: int) -> Grid:
        """Return the tile grid for an image of `width` x `height` pixels; (1, 1) when it fits one tile."""
        if self.tile is None or (width <= self.tile and height <= self.tile):
            return NO_TILES
        return closest_grid(width, height, self.tile, self.max_tiles)

    def tokens(self, grid: Grid = NO_TILES) -> int:
        """Return the placeholders that a page takes in the prompt, row ends and separator included."""
        side = self.size // self.token_px
        if self.layout == "v2":
            return self._tile_tokens_v2(grid) + side * side + 1
        return self._tile_tokens_v1(grid) + side * (side + 1) + 1

    def nominal_tokens(self, grid: Grid = NO_TILES) -> int:
        """Return the visual tokens proper (64, 100, 256, 400 in the paper), without row ends and separator."""
        tiles = 0 if grid == NO_TILES or self.tile is None else grid[0] * grid[1] * (self.tile // self.token_px) ** 2
        return tiles + (self.size // self.token_px) ** 2

    def _tile_tokens_v1(self, grid: Grid) -> int:
        if grid == NO_TILES or self.tile is None:
            return 0
        side = self.tile // self.token_px
        return grid[1] * side * (grid[0] * side + 1)

    def _tile_tokens_v2(self, grid: Grid) -> int:
        if grid == NO_TILES or self.tile is None:
            return 0
        return grid[0] * grid[1] * (self.tile // self.token_px) ** 2


@functools.cache
def _grids(max_tiles: int, min_tiles: int = 2) -> tuple[Grid, ...]:
    """Return the candidate grids in the official order: by number of tiles, ties in the order of the official set."""
    found = {
        (columns, rows)
        for count in range(min_tiles, max_tiles + 1)
        for columns in range(1, count + 1)
        for rows in range(1, count + 1)
        if min_tiles <= columns * rows <= max_tiles
    }
    return tuple(sorted(found, key=lambda grid: grid[0] * grid[1]))


def closest_grid(width: int, height: int, tile: int, max_tiles: int) -> Grid:
    """Return the grid (columns, rows) whose aspect is nearest to the image's; ties go to more tiles if it fills half.

    Upstream: `find_closest_aspect_ratio` of DeepSeek-OCR (from InternVL).
    """
    best, best_difference = NO_TILES, float("inf")
    for grid in _grids(max_tiles):
        difference = abs(width / height - grid[0] / grid[1])
        larger_fits = width * height > 0.5 * tile * tile * grid[0] * grid[1]
        if difference < best_difference or (difference == best_difference and larger_fits):
            best, best_difference = grid, difference
    return best


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("tiny", "v1", 512, stretch=True),
        Mode("small", "v1", 640, stretch=True),
        Mode("base", "v1", 1024),
        Mode("large", "v1", 1280),
        Mode("gundam", "v1", 1024, tile=640, max_tiles=9),
        Mode("v2-768", "v2", 768, stretch=True),
        Mode("v2-1024", "v2", 1024),
        Mode("v2-dynamic", "v2", 1024, tile=768, max_tiles=6),
        Mode("nano-128", "v1", 128, token_px=32),
        Mode("nano-192", "v1", 192, token_px=32),
        Mode("nano-256", "v1", 256, token_px=32),
        Mode("nano-tiles", "v1", 256, token_px=32, tile=128, max_tiles=4),
    )
}
"""Every mode by name. `nano-*` belong to the bundled model (patch 8, so 32 px a token)."""


def mode(name: str) -> Mode:
    """Return the mode called `name`.

    Raises:
        SettingsError: the name is unknown; the message lists the known ones.
    """
    if name not in MODES:
        raise SettingsError(f"no mode {name!r}; known: {', '.join(MODES)}")
    return MODES[name]
