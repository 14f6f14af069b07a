"""Messages between processes: a JSON header and pieces of bytes, each with its length. Nothing is pickled."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image

from deepsynth.core.documents import Page

_LENGTH = struct.Struct(">I")
MAX_HEADER = 64 * 2**20
MAX_BLOB = 512 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A message."""

    header: dict[str, Any]
    blobs: list[bytes] = field(default_factory=list[bytes])

    def pack(self) -> bytes:
        """Return the message as bytes."""
        header = json.dumps({**self.header, "blobs": [len(blob) for blob in self.blobs]}).encode()
        return b"".join([_LENGTH.pack(len(header)), header, *self.blobs])


def read_frame(file: BinaryIO) -> Frame | None:
    """Return the next message of a file, or none at its end.

    Raises:
        ValueError: the message is longer than any that is written here.
    """
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    text = file.read(_checked(_LENGTH.unpack(head)[0], MAX_HEADER))
    header: dict[str, Any] = json.loads(text)
    blobs = [file.read(_checked(length, MAX_BLOB)) for length in header.pop("blobs")]
    return Frame(header=header, blobs=blobs)


async def receive_frame(stream: asyncio.StreamReader) -> Frame | None:
    """Return the next message of a stream, or none at its end.

    Raises:
        ValueError: the message is longer than any that is written here.
    """
    try:
        head = await stream.readexactly(_LENGTH.size)
        text = await stream.readexactly(_checked(_LENGTH.unpack(head)[0], MAX_HEADER))
        header: dict[str, Any] = json.loads(text)
        blobs = [await stream.readexactly(_checked(length, MAX_BLOB)) for length in header.pop("blobs")]
    except asyncio.IncompleteReadError:
        return None
    return Frame(header=header, blobs=blobs)


def _checked(length: int, most: int) -> int:
    if length > most:
        raise ValueError(f"a message part of {length} bytes is larger than the {most} that are ever written")
    return length


def pack_pages(pages: Sequence[Page]) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return pages as facts and raw pixels."""
    facts = [
        {
            "mode": page.image.mode,
            "size": list(page.image.size),
            "span": page.span and list(page.span),
            "lines": [list(line) for line in page.lines],
        }
        for page in pages
    ]
    return facts, [page.image.tobytes() for page in pages]


def unpack_pages(document_id: str, facts: Sequence[dict[str, Any]], blobs: Sequence[bytes]) -> tuple[Page, ...]:
    """Return the pages that `pack_pages` packed."""
    return tuple(
        Page(
            document_id=document_id,
            number=number,
            image=Image.frombytes(item["mode"], tuple(item["size"]), blob),
            span=None if item["span"] is None else (item["span"][0], item["span"][1]),
            lines=tuple((start, end) for start, end in item["lines"]),
        )
        for number, (item, blob) in enumerate(zip(facts, blobs, strict=True))
    )
