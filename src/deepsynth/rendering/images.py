"""Pictures of pages (scans, photographs, screenshots) as pages: turned as their camera says, in gray or color, limited."""

from __future__ import annotations

import contextlib
import itertools
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import renderers
from deepsynth.rendering.text import page_size

MAX_PIXELS = 100_000_000
"""Width times height of a picture; checked from its header, before any pixel is unpacked."""


class ImageRenderer:
    """Draws nothing: opens, checks and fits."""

    def __init__(self, config: RenderConfig) -> None:
        self._config = config
        self._mode = mode(config.mode)

    def render(self, document: Document) -> Iterator[Page]:
        """Yield one page for each frame of the picture (TIFF files may hold several).

        Raises:
            InputError: it is no picture, damaged, or larger than `MAX_PIXELS`.
        """
        assert document.path is not None
        with open_image(document.path) as image:
            frames = iter(ImageSequence.Iterator(image))
            for number in itertools.count():
                if self._config.max_pages is not None and number >= self._config.max_pages:
                    return
                with _decoding(document.path):
                    frame = next(frames, None)
                    picture = None if frame is None else self._fit(frame, document.path)
                if picture is None:
                    return
                yield Page(document_id=document.id, number=number, image=picture)

    def count(self, document: Document) -> int:
        """Return how many pages there will be (see `Renderer.count`)."""
        assert document.path is not None
        with open_image(document.path) as image, _decoding(document.path):
            frames: int = getattr(image, "n_frames", 1)
        return frames if self._config.max_pages is None else min(frames, self._config.max_pages)

    def _fit(self, frame: Image.Image, path: Path) -> Image.Image:
        _check_size(frame, path)  # each frame of a TIFF file says its own
        picture = ImageOps.exif_transpose(flatten(frame))
        # The mode's own views resize from here; a larger picture would only take memory on the way.
        width, height = page_size(self._mode)
        picture.thumbnail((2 * width, 2 * height), Image.Resampling.BICUBIC)
        return picture


@contextlib.contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Name the file where a picture cannot be decoded.

    Raises:
        InputError: in place of what Pillow's many decoders raise on files that were cut or forged.
    """
    try:
        with warnings.catch_warnings():
            # our own limit is checked, and remarks on odd metadata change no pixel
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is no picture that can be read; save it as PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large: {error}; scale it down") from error
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, OverflowError, struct.error) as error:
        raise InputError(f"{path} is damaged: {error}; save it again") from error


def open_image(path: Path) -> Image.Image:
    """Open a picture, its pixels still packed.

    Raises:
        InputError: it is no picture, damaged or too large.
    """
    with _decoding(path):
        image = Image.open(path)
    try:
        _check_size(image, path)
    except InputError:
        image.close()
        raise
    return image


def _check_size(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(f"{path} has {width} x {height} pixels; at most {MAX_PIXELS:,} are read: scale it down")


def flatten(image: Image.Image) -> Image.Image:
    """Return a picture in gray or color, on white where it was transparent."""
    if image.mode in ("1", "L", "I;16", "I", "F"):
        return image.convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")


renderers.register("image")(ImageRenderer)
