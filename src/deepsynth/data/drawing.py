"""Drawing rows of a dataset: what can be drawn at all, and the pages of a block of rows as PNG files."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, MissingGlyphError
from deepsynth.core.geometry import mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.fonts import font_stack
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.renderer import DocumentRenderer, make_renderer
from deepsynth.rendering.text import TextRenderer, page_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The pages of a row, or why it has none."""

    pages: tuple[bytes, ...] = ()
    reason: str | None = None
    detail: str = ""


def why_undrawable(document: Document, rendering: RenderConfig, max_pages: int) -> str | None:
    """Return why a text cannot be drawn, or none; files are not opened here, `draw_block` tells about them."""
    text = document.text
    if text is None:
        return None
    if rendering.missing == "error" and font_stack(rendering.font, document.language).missing(normalize_text(text)):
        return "character-without-glyph"
    # Only texts near the limit are laid out to know: a page holds this many characters at the very least.
    if len(text) < max_pages * _fewest_characters(rendering):
        return None
    renderer = _layout_renderer(rendering.model_dump_json())
    pages = renderer.layout_pages(renderer.text(document), document.language)
    return "too-many-pages" if next(itertools.islice(pages, max_pages, None), None) is not None else None


def _fewest_characters(rendering: RenderConfig) -> int:
    """Return how many characters a page holds when letters are wide and lines end early."""
    width, height = page_size(mode(rendering.mode))
    margins = 2 * rendering.margin
    letters = (width - margins) / (1.5 * rendering.px)
    return max(1, int(letters * (height - margins) / (1.5 * rendering.px * rendering.leading) / 4))


@functools.lru_cache(maxsize=2)
def _layout_renderer(rendering: str) -> TextRenderer:
    return TextRenderer(RenderConfig.model_validate_json(rendering).override({"max_pages": None}))


def renderer_for(rendering: RenderConfig) -> DocumentRenderer:
    """Return what draws documents so; made once for each of the last settings, since fonts take a while to open."""
    return _renderer(rendering.model_dump_json())


@functools.lru_cache(maxsize=32)
def _renderer(rendering: str) -> DocumentRenderer:
    return make_renderer(RenderConfig.model_validate_json(rendering))


def draw_block(rendering: RenderConfig, max_pages: int, documents: Sequence[Document]) -> list[Drawn]:
    """Return the pages of each document, in order; one that cannot be drawn says why and harms no other."""
    renderer = renderer_for(rendering)
    return [_draw(renderer, max_pages, document) for document in documents]


def _draw(renderer: DocumentRenderer, max_pages: int, document: Document) -> Drawn:
    try:
        pages = list(itertools.islice(renderer.render(document), max_pages + 1))
    except MissingGlyphError as error:
        return Drawn(reason="character-without-glyph", detail=str(error))
    except InputError as error:
        return Drawn(reason="cannot-be-drawn", detail=str(error))
    if len(pages) > max_pages:
        return Drawn(reason="too-many-pages", detail=f"more than {max_pages} pages")
    return Drawn(pages=tuple(encode_png(page.image) for page in pages))


def document_of(row: dict[str, str | None]) -> Document:
    """Return the document of a row as the ledger keeps it."""
    path = row["path"]
    meta = {"kind": row["kind"]} if row["kind"] else {}
    return Document(
        id=str(row["id"]),
        text=None if path else row["text"],
        path=Path(path) if path else None,
        language=str(row["language"]),
        meta=meta,
    )
