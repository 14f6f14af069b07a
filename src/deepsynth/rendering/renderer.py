"""The seam between a document and its pages: one protocol, one renderer for each kind of document."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.core.registry import Registry
from deepsynth.rendering.config import RenderConfig


class Renderer(Protocol):
    """Draws documents of one kind."""

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages in order.

        Raises:
            InputError: the document is broken, too large, or holds a character that no font draws.
        """
        ...

    def count(self, document: Document) -> int:
        """Return how many pages `render` will yield, without drawing any (it raises what `render` raises)."""
        ...


renderers: Registry[Callable[[RenderConfig], Renderer]] = Registry("deepsynth.renderers")
"""Factories by kind of document: `text`, `markdown`, `pdf`, `image`, `office`."""

KINDS = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".pdf": "pdf",
    ".docx": "office",
    ".html": "office",
    ".htm": "office",
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"), "image"),
}
"""Kind of document by the ending of its name."""


def document_kind(document: Document) -> str:
    """Return which renderer a document needs; text in memory may name its kind as `meta["kind"]`.

    Raises:
        InputError: the file's ending is unknown, or there is no such file.
    """
    if document.path is None:
        return document.meta.get("kind", "text")
    if not document.path.is_file():
        raise InputError(f"no file at {document.path}")
    kind = KINDS.get(document.path.suffix.lower())
    if kind is None:
        raise InputError(f"{document.path} has an unknown ending; known: {', '.join(KINDS)}")
    return kind


_BUILT_IN = {
    "text": "deepsynth.rendering.text",
    "markdown": "deepsynth.rendering.markdown",
    "pdf": "deepsynth.rendering.pdf",
    "image": "deepsynth.rendering.images",
    "office": "deepsynth.rendering.office",
}
"""Where the renderer of a kind registers itself; imported when first needed, since some bring a library along."""


class DocumentRenderer:
    """Draws any document by handing it to the renderer of its kind; each is made once, when first needed."""

    def __init__(self, config: RenderConfig) -> None:
        self.config = config
        self._made: dict[str, Renderer] = {}

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages of `document` (see `Renderer.render`)."""
        return self._renderer(document).render(document)

    def count(self, document: Document) -> int:
        """Return how many pages there will be (see `Renderer.count`)."""
        return self._renderer(document).count(document)

    def _renderer(self, document: Document) -> Renderer:
        kind = document_kind(document)
        if kind not in self._made:
            if kind in _BUILT_IN:
                importlib.import_module(_BUILT_IN[kind])
            self._made[kind] = renderers.get(kind)(self.config)
        return self._made[kind]


def make_renderer(config: RenderConfig) -> DocumentRenderer:
    """Return a renderer for documents of every kind."""
    return DocumentRenderer(config)


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        InputError: the file is empty, or holds bytes that are not UTF-8 (the message names the first).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}); convert it first") from error
    if not text.strip():
        raise InputError(f"{path} is empty; give it text")
    return text
