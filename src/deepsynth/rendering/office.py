"""Word documents and HTML as pages: well-kept converters make Markdown of them, and the Markdown engine draws it.

A Word file is a zip archive; what it would unpack to is added up before anything is unpacked. Pictures are left out. Needs the
extra `office`; the spans of the pages refer to the Markdown, which `office_markdown` returns.
"""

from __future__ import annotations

import importlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError, MissingExtraError
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.markdown import markdown_blocks
from deepsynth.rendering.renderer import read_text, renderers
from deepsynth.rendering.text import TextRenderer

MAX_UNPACKED = 100 * 2**20
MAX_MEMBERS = 5000
MAX_HTML = 20 * 2**20
MAX_BYTES = 100 * 2**20


class OfficeRenderer:
    """Draws Word and HTML files."""

    def __init__(self, config: RenderConfig) -> None:
        self._renderer = TextRenderer(config, markdown_blocks)

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages.

        Raises:
            InputError: the file is damaged, empty, or would unpack to more than `MAX_UNPACKED`.
            MissingExtraError: the converter is not installed.
        """
        return self._renderer.render(_as_markdown(document))

    def count(self, document: Document) -> int:
        """Return how many pages there will be (see `Renderer.count`)."""
        return self._renderer.count(_as_markdown(document))


def _as_markdown(document: Document) -> Document:
    assert document.path is not None
    text = office_markdown(document.path)
    return Document(id=document.id, text=text, language=document.language, meta=document.meta)


def office_markdown(path: Path) -> str:
    """Return a Word or HTML file as Markdown (see `OfficeRenderer.render` for what is raised)."""
    html = _docx_html(path) if path.suffix.lower() == ".docx" else _html(path)
    if len(html) > MAX_HTML:
        raise InputError(f"{path} holds {len(html):,} characters of HTML; at most {MAX_HTML:,} are read: split it")
    try:
        markdown = _library("markdownify").markdownify(html, heading_style="ATX", strip=["img", "script", "style", "a"])
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply to be read; save it as plain text") from error
    text = re.sub(r"\n{3,}", "\n\n", markdown).strip()
    if not text:
        raise InputError(f"{path} holds no text; pictures in it are not read")
    return text


def _html(path: Path) -> str:
    if path.stat().st_size > MAX_HTML:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes; at most {MAX_HTML:,} are read: split it")
    return re.sub(r"(?is)<(script|style|head|template)\b.*?</\1\s*>", "", read_text(path))


def _docx_html(path: Path) -> str:
    check_archive(path)
    mammoth = _library("mammoth")
    no_picture = mammoth.images.img_element(lambda _image: {})
    with path.open("rb") as file:
        try:
            return mammoth.convert_to_html(file, convert_image=no_picture).value
        except _UNREADABLE as error:
            raise InputError(f"{path} is no Word document that can be read: {error}; save it again as .docx") from error


_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, ExpatError, EOFError, OSError),
    # a part that is encrypted or packed in an unknown way; markup that no word processor writes
    *(RuntimeError, AttributeError, LookupError, SyntaxError, TypeError, ValueError),
)
"""What the libraries raise on archives and markup that were cut or forged (RuntimeError covers endless nesting too)."""


def check_archive(path: Path) -> None:
    """Look at the table of a zip archive before anything is unpacked; Python unpacks no more than the table says.

    Raises:
        InputError: it is no archive, or would unpack to too much.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read: split it")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise InputError(f"{path} is damaged: {error}; save it again as .docx") from error
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED or len(members) > MAX_MEMBERS:
        raise InputError(
            f"{path} would unpack to {unpacked:,} bytes in {len(members)} files;"
            f" at most {MAX_UNPACKED:,} bytes in {MAX_MEMBERS} files are unpacked: split it"
        )


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(name, "office") from error


renderers.register("office")(OfficeRenderer)
