"""Plain text to pages: normalized, checked for characters that no font draws, laid out, painted."""

from __future__ import annotations

import functools
import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import Mode, mode
from deepsynth.rendering.blocks import Block, plain_blocks
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.fonts import font_stack, missing_glyph_error
from deepsynth.rendering.layout import Layout, Line
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.paint import Painter, PlacedLine
from deepsynth.rendering.renderer import read_text, renderers
from deepsynth.rendering.shaping import Shaper

logger = logging.getLogger(__name__)

DESCENT = 0.22
"""Share of an em that lies below the baseline, where the ink reaches no lower."""

MakeBlocks = Callable[[str], Iterable[Block]]
"""Turns normalized text into paragraphs."""


def page_size(page_mode: Mode) -> tuple[int, int]:
    """Return width and height to draw at, so that the mode's own resizing changes nothing.

    Modes with tiles get a portrait page of whole tiles: two by three where so many are allowed.
    """
    if page_mode.tile is None:
        return page_mode.size, page_mode.size
    columns, rows = (2, 3) if page_mode.max_tiles >= 6 else (1, 2)
    return columns * page_mode.tile, rows * page_mode.tile


@functools.lru_cache(maxsize=32)
def shared_layout(font: str, language: str) -> Layout:
    """Return the layout of a font and language, one a process: its words are shaped once for all sizes and renderers."""
    return Layout(Shaper(font, language), language)


class TextRenderer:
    """Draws documents of text as gray pages, deterministic to the byte for equal settings and versions."""

    def __init__(self, config: RenderConfig, make_blocks: MakeBlocks | None = None) -> None:
        """`make_blocks` turns normalized text into paragraphs; without it, each line feed ends one."""
        self.config = config
        self._blocks = make_blocks or plain_blocks
        self._size = page_size(mode(config.mode))
        self._px, self._leading = config.px, config.leading
        self._painter = Painter(config.px, self._size)

    def text(self, document: Document) -> str:
        """Return the text that the pages' spans refer to: normalized, and without characters that were dropped.

        Raises:
            MissingGlyphError: a character has no glyph, and the settings say `error`.
        """
        raw = document.text if document.path is None else read_text(document.path)
        assert raw is not None
        text = normalize_text(raw)
        missing = font_stack(self.config.font, document.language).missing(text)
        if missing and self.config.missing == "error":
            raise missing_glyph_error(document.id, text, missing)
        replacement = "\ufffd" if self.config.missing == "replace" else ""
        text = text.translate({ord(character): replacement for character in missing}) if missing else text
        if not text.strip():
            raise InputError(f"document {document.id!r} has no character that can be drawn")
        return text

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages (see `Renderer.render`)."""
        limit, text = self.config.max_pages, self.text(document)
        for number, lines in enumerate(self.layout_pages(text, document.language)):
            if limit is not None and number >= limit:
                left = len(text) - lines[0][0].start
                logger.warning(
                    "document %r: %d characters lie behind page %d, the last allowed", document.id, left, limit
                )
                return
            spans = tuple((line.start, line.end) for line, _, _ in lines)
            span = (spans[0][0], spans[-1][1])
            yield Page(document_id=document.id, number=number, image=self._paint(lines), span=span, lines=spans)

    def count(self, document: Document) -> int:
        """Return how many pages there will be (see `Renderer.count`)."""
        pages = self.layout_pages(self.text(document), document.language)
        return sum(1 for _ in itertools.islice(pages, self.config.max_pages))

    def layout_pages(self, text: str, language: str = "und") -> Iterator[list[PlacedLine]]:
        """Yield the lines of each page with their x and baseline in pixels; nothing is drawn.

        Raises:
            InputError: the page is too small for a line of this size.
        """
        layout, width = shared_layout(self.config.font, language), self.column_width / self._px
        lines = layout.lines(self._blocks(text), width, hyphenate=self.config.hyphenate)
        lefts = [self.config.margin + n * (self.column_width + self._px * 2) for n in range(self.config.columns)]
        begin, end = float(self.config.margin), self._size[1] - self.config.margin
        page: list[PlacedLine] = []
        column, y, count = 0, begin, 0
        most = math.inf if self.config.lines is None else self.config.lines
        for line in lines:
            above, below = self._height(line)
            space = line.space * self._px if y > begin else 0.0
            if y > begin and (count == most or y + space + above + below > end):
                column, y, count, space = column + 1, begin, 0, 0.0
                if column == self.config.columns:
                    yield page
                    page, column = [], 0
            page.append((line, lefts[column], math.floor(y + space + above + 0.5)))
            y += space + above + below
            count += 1
        if page:
            yield page

    @functools.cached_property
    def column_width(self) -> float:
        """Width of a column in pixels.

        Raises:
            InputError: margins and columns leave less than one em.
        """
        gaps = (self.config.columns - 1) * self.config.px * 2
        width = (self._size[0] - 2 * self.config.margin - gaps) / self.config.columns
        if width < self.config.px or self._size[1] - 2 * self.config.margin < self.config.px * self.config.leading:
            raise InputError(
                f"mode {self.config.mode} with margin {self.config.margin} and columns {self.config.columns} leaves no room"
                f" for letters of {self.config.px:g} px; use a smaller margin or px"
            )
        return width

    def _height(self, line: Line) -> tuple[float, float]:
        """Return the height above and below the baseline: the set leading, or the ink where that is taller."""
        leading = self._leading * line.scale
        below = max((leading - 1.0) / 2 + DESCENT * line.scale, -line.bottom)
        above = max(leading - below, line.top)
        return above * self._px, below * self._px

    def _paint(self, lines: list[PlacedLine]) -> Image.Image:
        ink = self._painter.paint(lines)
        return Image.fromarray(np.subtract(255, ink, out=ink))


renderers.register("text")(TextRenderer)
