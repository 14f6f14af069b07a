"""Drawing a text so that it fills so many pages: the fewer pages, the smaller the letters, the higher the compression.

This is how a compression is chosen on purpose. Letters below the floor of legibility are drawn all the same, since the curve
below it is what one wants to see, and every page says whether it is legible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import Grid, mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.costing import legibility_floor
from deepsynth.rendering.png import quantize
from deepsynth.rendering.text import TextRenderer, page_size

SMALLEST_PX, STEPS_PER_PX = 5.0, 4
"""Sizes are tried in quarters of a pixel, from the smallest that rendering allows."""
LIMIT_PAGES = 8
"""Full pages that the limit of legibility is measured on, where the text is long enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A text on its pages."""

    pages: tuple[Page, ...]
    px: float
    floor: float
    """Smallest legible size for the text's scripts."""
    whole: bool
    """Whether the pages hold the text to its end."""
    nominal_tokens: int
    """Visual tokens of the pages as the paper counts them, without row ends and separators."""
    visual_tokens: int
    """As they stand in the prompt."""

    @property
    def legible(self) -> bool:
        """Whether the letters are as large as the script needs."""
        return self.px >= self.floor


def drawn_grid(mode_name: str) -> Grid:
    """Return the tiles of a page as it is drawn for a mode; (1, 1) for a mode without tiles."""
    page_mode = mode(mode_name)
    return page_mode.grid(*page_size(page_mode))


def nominal_page_tokens(mode_name: str) -> int:
    """Return the visual tokens of a drawn page as the paper counts them: tiles and view, no row ends, no separator."""
    return mode(mode_name).nominal_tokens(drawn_grid(mode_name))


def legible_compression(document: Document, rendering: RenderConfig, count: Callable[[str], int]) -> float | None:
    """Return the compression of full pages in the smallest letters that can be read; none if the text fills no page.

    `count` gives the text tokens of a text. Denser pages are below the floor of their script.
    """
    lenient = rendering.override({"missing": "replace", "max_pages": None})
    text = TextRenderer(lenient).text(document)
    renderer = TextRenderer(lenient.override({"px": legibility_floor(text, lenient)}))
    starts = [lines[0][0].start for lines in islice(renderer.layout_pages(text), LIMIT_PAGES + 1)]
    if len(starts) < 2:
        return None
    return count(text[: starts[-1]]) / (len(starts) - 1) / nominal_page_tokens(rendering.mode)


def largest_px(text: str, rendering: RenderConfig, pages: int, largest: float) -> float | None:
    """Return the largest size up to `largest` at which `text` takes no more than so many pages; none if it never does."""
    low, high = round(SMALLEST_PX * STEPS_PER_PX), round(largest * STEPS_PER_PX)
    if not _fits(text, rendering, low / STEPS_PER_PX, pages):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(text, rendering, middle / STEPS_PER_PX, pages) else (low, middle - 1)
    return low / STEPS_PER_PX


def _fits(text: str, rendering: RenderConfig, px: float, pages: int) -> bool:
    renderer = TextRenderer(rendering.override({"px": px, "max_pages": None}))
    try:
        return all(number < pages for number, _ in enumerate(renderer.layout_pages(text)))
    except InputError:  # the letters are larger than the page
        return False


def draw_within(document: Document, rendering: RenderConfig, pages: int, largest: float) -> Drawing:
    """Draw a text on at most so many pages, in letters as large as fit, up to `largest` px.

    What does not fit at the smallest size is left out.
    """
    lenient = rendering.override({"missing": "replace", "max_pages": None})
    text = TextRenderer(lenient).text(document)
    found = largest_px(text, lenient, pages, max(SMALLEST_PX, largest))
    px = SMALLEST_PX if found is None else found
    renderer = TextRenderer(lenient.override({"px": px, "max_pages": pages}))
    drawn = tuple(replace(page, image=quantize(page.image)) for page in renderer.render(document))
    return Drawing(
        pages=drawn,
        px=px,
        floor=legibility_floor(text, lenient),
        whole=found is not None,
        nominal_tokens=len(drawn) * nominal_page_tokens(rendering.mode),
        visual_tokens=len(drawn) * mode(rendering.mode).tokens(drawn_grid(rendering.mode)),
    )
