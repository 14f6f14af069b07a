"""Pages as PNG: gray, filter 0, libdeflate. Filters help photographs and hurt text; level 1 is the best trade on pages.

Four bits keep 16 levels of gray, which cost nothing in legibility and halve the file; eight bits keep every level.
"""

from __future__ import annotations

import struct
import zlib

import deflate
import numpy as np
import numpy.typing as npt
from PIL import Image

_LEVELS = (np.arange(256) + 8) // 17
"""The nearest of 16 levels to each of 256."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def quantize(image: Image.Image) -> Image.Image:
    """Return a gray page with its levels rounded to the 16 that a 4-bit file keeps."""
    return image.convert("L").point((_LEVELS * 17).tolist())


def encode_png(image: Image.Image, *, bits: int = 4) -> bytes:
    """Return a gray page as a PNG file of 4 or 8 bits a pixel; decoding a 4-bit file gives `quantize(image)`.

    Pages in color are kept as they are, by Pillow.
    """
    if image.mode == "RGB":
        return _encode_color(image)
    pixels = np.asarray(image if image.mode == "L" else image.convert("L"))
    height, width = pixels.shape
    if bits == 4:
        even = np.pad(pixels, ((0, 0), (0, 1))) if width % 2 else pixels
        pixels = _packed(np.ascontiguousarray(even))
    rows = np.zeros((height, pixels.shape[1] + 1), np.uint8)  # each row begins with its filter, which is 0
    rows[:, 1:] = pixels
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    body = bytes(deflate.zlib_compress(rows.tobytes(), 1))
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _packed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the levels of `quantize`, two in a byte: in whole arrays of bytes, where a table takes three times as long."""
    levels = np.minimum(pixels, 247)
    levels += 8
    levels -= levels >> 4
    levels >>= 4  # now (pixel + 8) // 17
    pairs = levels.view("<u2")
    seconds = pairs >> 8
    pairs <<= 4
    seconds |= pairs
    return seconds.astype(np.uint8)


def _encode_color(image: Image.Image) -> bytes:
    import io

    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
