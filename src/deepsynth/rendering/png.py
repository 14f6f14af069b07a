"""Pages as PNG: gray, filter 0, libdeflate. Filters help photographs and hurt text; level 1 is the best trade on pages.

Four bits keep 16 levels of gray, which cost nothing in legibility and halve the file; eight bits keep every level.
"""

from __future__ import annotations

import io
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
    rows = np.zeros((height, 1 + (width * bits + 7) // 8), np.uint8)  # each row begins with its filter, which is 0
    rows[:, 1:] = _packed(pixels) if bits == 4 else pixels
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    body = deflate.zlib_compress(rows, 1)
    return b"".join([_SIGNATURE, *_chunk(b"IHDR", header), *_chunk(b"IDAT", body), *_chunk(b"IEND", b"")])


def _packed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Return the levels of `quantize`, two in a number below 256: in whole arrays, where a table takes three times as long."""
    height, width = pixels.shape
    levels = np.zeros((height, width + width % 2), np.uint8)
    # beside a row, not a number: numpy compares bytes with a number ten times as slowly
    np.minimum(pixels, np.full(width, 247, np.uint8), out=levels[:, :width])
    levels += 8
    levels -= levels >> 4  # its upper four bits are (pixel + 8) // 17
    pairs = levels.view("<u2")
    packed: npt.NDArray[np.uint16] = np.right_shift(pairs, 12, dtype=np.uint16)
    pairs &= 0xF0
    packed |= pairs
    return packed


def _encode_color(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def _chunk(name: bytes, content: bytes | bytearray) -> tuple[bytes, bytes | bytearray, bytes]:
    return struct.pack(">I", len(content)) + name, content, struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
