"""Documents by their address, for users who name one; the server never comes here."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx2

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.rendering.renderer import KINDS

MAX_BYTES = 64 * 2**20
SECONDS = 30.0
ENDINGS = {
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
}
"""What a content type is called as a file."""


def is_url(name: str) -> bool:
    """Tell whether a name is an address of the web."""
    return name.startswith(("http://", "https://"))


def fetch(url: str, *, max_bytes: int = MAX_BYTES) -> Document:
    """Download a document into a temporary file, which lasts as long as the process.

    Raises:
        InputError: it cannot be reached, is too large, or of a kind that is not read.
    """
    try:
        with httpx2.Client(timeout=SECONDS, follow_redirects=True).stream("GET", url) as answer:
            answer.raise_for_status()
            ending = _ending(url, answer.headers.get("content-type", ""))
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > max_bytes:
                    raise InputError(
                        f"{url} is larger than {max_bytes:,} bytes; download it and give its pages in parts"
                    )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise InputError(f"{url} cannot be fetched: {error or type(error).__name__}") from error
    with tempfile.NamedTemporaryFile(suffix=ending, dir=_folder().name, delete=False) as file:
        file.write(content)
    return Document(id=url, path=Path(file.name), meta={"url": url})


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of what was downloaded; it goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="deepsynth-")


def _ending(url: str, content_type: str) -> str:
    known = ENDINGS.get(content_type.partition(";")[0].strip().lower())
    if known is not None:
        return known
    suffix = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    if suffix in KINDS:
        return suffix
    raise InputError(f"{url} is {content_type or 'of no stated type'}; known: {', '.join(ENDINGS)}")
