"""What a user hands over becomes an example: a file, a text, pictures, or an address that they allow to be fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from deepsynth.core.documents import DEFAULT_INSTRUCTION, Document, Example, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.inference.fetching import fetch, is_url
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.images import flatten
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.png import quantize
from deepsynth.rendering.renderer import document_kind, make_renderer, read_text
from deepsynth.rendering.text import page_size

Readable = str | Path | Document | Image.Image | Sequence[Image.Image]
"""A path (or, where allowed, an address), a document, a picture, or the pictures of one document's pages."""

TEXTS = ("text", "markdown")


class Reader:
    """Draws documents as the model has seen them in training."""

    def __init__(self, rendering: RenderConfig) -> None:
        self.rendering = rendering
        self._renderer = make_renderer(rendering)

    def example(self, item: Document | Image.Image | Sequence[Image.Image], instruction: str = "") -> Example:
        """Return a document as a prompt's material: its pages, and its text where it is known.

        Raises:
            InputError: it cannot be read or drawn; names it.
        """
        asked = instruction or DEFAULT_INSTRUCTION
        if not isinstance(item, Document):
            images = [item] if isinstance(item, Image.Image) else list(item)
            pages = [
                Page(document_id="image", number=number, image=self._fit(image)) for number, image in enumerate(images)
            ]
            return Example(id="image", pages=tuple(pages), instruction=asked)
        document = with_text(item)
        pages = list(self.pages(document))
        return Example(
            id=document.id,
            pages=tuple(pages),
            instruction=asked,
            text=self.text_on(document, pages),
            language=document.language,
        )

    def pages(self, document: Document) -> Iterator[Page]:
        """Yield the pages of a document, with the levels of gray that the model has seen in training.

        Raises:
            InputError: it cannot be read or drawn; names it.
        """
        for page in self._renderer.render(document):
            yield replace(page, image=_as_trained(page.image))

    def text_on(self, document: Document, pages: Sequence[Page]) -> str | None:
        """Return the text that stands on the pages: all of it, unless the settings cut the pages off."""
        if document.text is None or self.rendering.max_pages is None or not pages or pages[-1].span is None:
            return document.text
        return normalize_text(document.text)[: pages[-1].span[1]]

    def _fit(self, image: Image.Image) -> Image.Image:
        picture = flatten(image)
        width, height = page_size(mode(self.rendering.mode))
        if picture.width > 2 * width or picture.height > 2 * height:
            picture.thumbnail((2 * width, 2 * height), Image.Resampling.BICUBIC)
        return picture


def with_text(document: Document) -> Document:
    """Return a text or Markdown file as a document that holds its text; any other as it is."""
    if document.path is None or (kind := document_kind(document)) not in TEXTS:
        return document
    text = read_text(document.path)
    return Document(id=document.id, text=text, language=document.language, meta={**document.meta, "kind": kind})


def _as_trained(image: Image.Image) -> Image.Image:
    """Return a gray page with the levels that stored pages have; the model has seen no others."""
    return quantize(image) if image.mode == "L" else image


def as_document(item: Readable, number: int, *, urls: bool = False) -> Document | Image.Image | Sequence[Image.Image]:
    """Return what was given as a document; a string or path names a file, or an address where `urls` allows it.

    Raises:
        InputError: there is no such file, an address was not allowed, or it cannot be fetched.
    """
    if not isinstance(item, str | Path):
        return item
    if isinstance(item, str) and is_url(item):
        if not urls:
            raise InputError(f"{item} is an address; say urls=True to have it fetched")
        return fetch(item)
    path = Path(item)
    if not path.is_file():
        raise InputError(f"no file at {path}; to summarize a text itself, give a Document with text")
    return Document(id=path.name or str(number), path=path)
