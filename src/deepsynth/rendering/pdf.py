"""PDF pages as pictures, drawn by PDFium straight at the size that the mode reads; its text layer as a reference.

Sizes come from the file's page tree and are checked before a pixel is allocated: a PDF of one kilobyte can ask for terabytes.
PDFium is not safe with threads, so documents are opened and closed within one call.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
from PIL import Image

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import renderers
from deepsynth.rendering.text import page_size

MAX_PAGES = 5000
MAX_POINTS = 14_400.0
"""Longest side of a page: the limit of the PDF format itself, 200 inches."""
MAX_BYTES = 512 * 2**20


class PdfRenderer:
    """Draws the pages of PDF files in gray."""

    def __init__(self, config: RenderConfig) -> None:
        self._config = config
        self._size = page_size(mode(config.mode))

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages, each as large as the mode's page allows.

        Raises:
            InputError: the file is damaged, encrypted, too long, or a page is too large.
        """
        assert document.path is not None
        pdf = open_pdf(document.path)
        try:
            for number in range(self._limited(len(pdf))):
                yield Page(document_id=document.id, number=number, image=self._draw(pdf, number, document.path))
        finally:
            pdf.close()

    def count(self, document: Document) -> int:
        """Return how many pages there will be (see `Renderer.count`)."""
        assert document.path is not None
        pdf = open_pdf(document.path)
        try:
            return self._limited(len(pdf))
        finally:
            pdf.close()

    def _limited(self, pages: int) -> int:
        return pages if self._config.max_pages is None else min(pages, self._config.max_pages)

    def _draw(self, pdf: pdfium.PdfDocument, number: int, path: Path) -> Image.Image:
        page = load_page(pdf, number, path)
        width, height = check_size(page, number, path)
        scale = min(self._size[0] / width, self._size[1] / height)
        drawn: Any = page.render
        return drawn(scale=scale, grayscale=True).to_pil().convert("L")


def open_pdf(path: Path) -> pdfium.PdfDocument:
    """Open a PDF.

    Raises:
        InputError: it is damaged, encrypted, too large or holds too many pages.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read: split it")
    try:
        pdf = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise InputError(
            f"{path} cannot be opened as a PDF: {str(error).rstrip('.')}; save it again, without a password"
        ) from error
    if not 1 <= len(pdf) <= MAX_PAGES:
        pages = len(pdf)
        pdf.close()
        raise InputError(f"{path} has {pages} pages; between 1 and {MAX_PAGES} are read: split it")
    return pdf


def load_page(pdf: pdfium.PdfDocument, number: int, path: Path) -> pdfium.PdfPage:
    """Return a page.

    Raises:
        InputError: it is damaged.
    """
    try:
        return pdf[number]
    except pdfium.PdfiumError as error:
        raise InputError(f"page {number + 1} of {path} is damaged: {error}; save the file again") from error


def check_size(page: pdfium.PdfPage, number: int, path: Path) -> tuple[float, float]:
    """Return width and height in points.

    Raises:
        InputError: the page is empty or larger than the format allows.
    """
    width, height = page.get_size()
    if not (0 < width <= MAX_POINTS and 0 < height <= MAX_POINTS):
        raise InputError(
            f"page {number + 1} of {path} measures {width:.0f} x {height:.0f} points; at most {MAX_POINTS:.0f} are drawn:"
            " scale it down"
        )
    return width, height


def pdf_text(path: Path) -> str:
    """Return the text layer of all pages, one after another; empty for a scan.

    Right-to-left and Indic scripts come back in no reliable order: PDF stores glyphs, not text.

    Raises:
        InputError: the file is damaged or encrypted.
    """
    pdf = open_pdf(path)
    try:
        pages = (load_page(pdf, number, path).get_textpage().get_text_bounded() for number in range(len(pdf)))
        return "\n".join(pages).replace("\r\n", "\n").strip()
    finally:
        pdf.close()


renderers.register("pdf")(PdfRenderer)
