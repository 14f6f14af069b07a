"""The process that opens what strangers send: it draws documents under limits of memory, and may be killed at any time.

`python -m deepsynth.inference.worker.drawing_process`, started by `drawer`. Imports no torch.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from deepsynth.core.config import Config
from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import DeepSynthError, InputError
from deepsynth.inference.reading import Reader, with_text
from deepsynth.inference.refusals import TooLargeError, to_message
from deepsynth.inference.worker.frames import Frame, pack_pages, read_frame
from deepsynth.inference.worker.pipes import put, take_over
from deepsynth.rendering.config import RenderConfig

ENDINGS = {"text": ".txt", "markdown": ".md", "pdf": ".pdf", "image": ".img"}


class DrawLimits(Config):
    """What one document may cost."""

    pages: int = 200
    """Most pages."""
    pixels: int = 25_000_000
    """Most pixels of a picture, by its header."""
    text_chars: int = 2_000_000
    """Longest text in characters."""
    memory_bytes: int = 2 * 2**30
    """Most address space of the process (where the system can limit it)."""


def limit_memory(most: int) -> None:
    """Let the process have no more address space than this; a no-op where the system has no such limit."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def draw(parts: list[tuple[str, bytes]], rendering: RenderConfig, limits: DrawLimits) -> tuple[list[Page], str | None]:
    """Return the pages of all parts, one after the other, and the text if all are text.

    Raises:
        InputError: a part cannot be read or drawn.
        TooLargeError: a part is larger than the limits.
    """
    reader = Reader(rendering)
    pages: list[Page] = []
    texts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="deepsynth-") as folder:
        for number, (kind, content) in enumerate(parts):
            document = _document(Path(folder), number, kind, content, limits)
            drawn = list(_limited(reader, document, limits.pages - len(pages)))
            text = reader.text_on(document, drawn)
            texts += [] if text is None else [text]
            pages += [replace(page, number=len(pages) + at) for at, page in enumerate(drawn)]
    return pages, "\n\n".join(texts) if len(texts) == len(parts) else None


def _document(folder: Path, number: int, kind: str, content: bytes, limits: DrawLimits) -> Document:
    name = f"document-{number + 1}"
    if kind in ("text", "markdown"):
        text = content.decode("utf-8")
        if len(text) > limits.text_chars:
            raise TooLargeError(
                f"{name} has {len(text):,} characters; at most {limits.text_chars:,} are read: split it"
            )
        return Document(id=name, text=text, meta={"kind": kind})
    path = folder / f"{name}{ENDINGS[kind]}"
    if kind == "image":
        path = path.with_suffix(".png")  # the renderer is found by the ending; Pillow looks at the content
    path.write_bytes(content)
    if kind == "image":
        width, height = picture_size(path)
        if width * height > limits.pixels:
            raise TooLargeError(
                f"{name} has {width:,} x {height:,} pixels; at most {limits.pixels:,} are read: scale it down"
            )
    return Document(id=name, path=path)


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height from a picture's header.

    Raises:
        InputError: it is no picture.
        TooLargeError: it is so large that Pillow does not even open it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            with Image.open(path) as image:
                return image.size
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"{path.stem} is too large: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path.stem} is no picture that can be read, or damaged") from error


def _limited(reader: Reader, document: Document, most: int) -> Iterator[Page]:
    for drawn, page in enumerate(reader.pages(with_text(document))):
        if drawn == most:
            raise TooLargeError(f"{document.id} needs more than {most} pages; split it or ask for max_pages")
        yield page


def answer(frame: Frame) -> Frame:
    """Return the answer to a request: pages, or what is wrong with it."""
    header: dict[str, Any] = frame.header
    try:
        parts = list(zip(header["kinds"], frame.blobs, strict=True))
        rendering = RenderConfig.parse(header["rendering"])
        pages, text = draw(parts, rendering, DrawLimits.parse(header["limits"]))
    except DeepSynthError as error:
        return Frame(header={"error": _without_folder(to_message(error))})
    except MemoryError:
        return Frame(
            header={"error": to_message(TooLargeError("drawing the document takes more memory than is allowed"))}
        )
    facts, blobs = pack_pages(pages)
    return Frame(header={"pages": facts, "text": text}, blobs=blobs)


def _without_folder(message: dict[str, str | None]) -> dict[str, str | None]:
    """Take the names of temporary folders out of a message: they mean nothing to who sent the document."""
    words = (message["message"] or "").split(" ")
    known = [word if f"{Path(tempfile.gettempdir())}/" not in word else Path(word).name for word in words]
    return {**message, "message": " ".join(known)}


def main() -> None:
    """Answer requests until the input ends; the first message sets the limit of memory."""
    source, target = take_over()
    first = read_frame(source)
    if first is not None:
        limit_memory(DrawLimits.parse(first.header["limits"]).memory_bytes)
    while (frame := read_frame(source)) is not None:
        put(target, answer(frame))


if __name__ == "__main__":
    main()
