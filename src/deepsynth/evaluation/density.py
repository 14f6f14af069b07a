"""Drawing a text so that it fills so many pages: the fewer pages, the smaller the letters, the higher the compression.

This is how a compression is chosen on purpose. Letters below the floor of legibility are drawn all the same, since the curve
below it is what one wants to see, and every page says whether it is legible.
"""

from __future__ import annotations

from dataclasses import dataclass

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.planner import legibility_floor
from deepsynth.rendering.png import quantize
from deepsynth.rendering.text import TextRenderer, page_size

SMALLEST_PX, STEPS_PER_PX = 5.0, 4
"""Sizes are tried in quarters of a pixel, from the smallest that rendering allows."""


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
    page_mode = mode(rendering.mode)
    lenient = rendering.override({"missing": "replace", "max_pages": None})
    text = TextRenderer(lenient).text(document)
    found = largest_px(text, lenient, pages, max(SMALLEST_PX, largest))
    px = SMALLEST_PX if found is None else found
    renderer = TextRenderer(lenient.override({"px": px, "max_pages": pages}))
    drawn = tuple(
        Page(document_id=page.document_id, number=page.number, image=quantize(page.image), span=page.span)
        for page in renderer.render(document)
    )
    grid = page_mode.grid(*page_size(page_mode))
    return Drawing(
        pages=drawn,
        px=px,
        floor=legibility_floor(text, lenient),
        whole=found is not None,
        nominal_tokens=len(drawn) * page_mode.nominal_tokens(grid),
        visual_tokens=len(drawn) * page_mode.tokens(grid),
    )
