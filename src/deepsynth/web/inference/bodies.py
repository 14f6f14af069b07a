"""Reading a body within limits of size, time and memory, and telling what it really is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from pydantic import BaseModel

from deepsynth.core.errors import InputError
from deepsynth.inference.refusals import BusyError, TooLargeError, TooSlowError, WrongTypeError

TYPES = {
    "application/pdf": "pdf",
    "image/png": "image",
    "image/jpeg": "image",
    "image/webp": "image",
    "image/tiff": "image",
    "image/gif": "image",
    "image/bmp": "image",
    "text/plain": "text",
    "text/markdown": "markdown",
}
"""Kinds of document by content type."""


class Held:
    """Counts the bytes of all bodies in memory."""

    def __init__(self, most: int) -> None:
        self.most, self.now = most, 0

    def take(self, count: int) -> None:
        """Count bytes.

        Raises:
            BusyError: they would be more than are allowed together.
        """
        if self.now + count > self.most:
            raise BusyError("the bodies of other requests fill the memory set aside for them; try again", retry_after=2)
        self.now += count


@asynccontextmanager
async def read_body(request: Request, held: Held, most: int, seconds: float) -> AsyncGenerator[bytes]:
    """Yield the body of a request; its bytes count as held until the block ends.

    Raises:
        TooLargeError: it is, or says that it is, larger than `most`.
        TooSlowError: it has not come within `seconds`.
        BusyError: other bodies fill the memory.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise TooLargeError(f"the body has {int(declared):,} bytes; at most {most:,} are read")
    body = bytearray()
    try:
        try:
            async with asyncio.timeout(seconds):
                async for piece in request.stream():
                    if len(body) + len(piece) > most:
                        raise TooLargeError(f"the body has more than {most:,} bytes")
                    held.take(len(piece))
                    body += piece
        except TimeoutError as error:
            raise TooSlowError(f"the body did not come within {seconds:g} seconds") from error
        yield bytes(body)
    finally:
        held.now -= len(body)


def content_type(request: Request) -> str:
    """Return the content type of a request without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_json(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds.

    Raises:
        InputError: it is no JSON object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"the body must be a JSON object, not {type(value).__name__}")
    return value  # pyright: ignore[reportUnknownVariableType]


def described_body(address: str, model: type[BaseModel], types: Iterable[str] = ()) -> dict[str, Any]:
    """Return what OpenAPI is told of a body that a route reads by itself: JSON of a model, or bytes of one of the types."""
    base = f"#/paths/{address.replace('/', '~1')}/post/requestBody/content/application~1json/schema/$defs/"
    content: dict[str, Any] = {name: {"schema": {"type": "string", "format": "binary"}} for name in types}
    content["application/json"] = {"schema": model.model_json_schema(ref_template=base + "{model}")}
    return {"requestBody": {"required": True, "content": content}}


def check_kind(content: bytes, declared: str) -> str:
    """Return the kind of document that a declared type means, after comparing it with the content itself.

    Raises:
        WrongTypeError: the type is not read, or the content is of another.
    """
    kind = TYPES.get(declared)
    if kind is None:
        raise WrongTypeError(f"content type {declared or 'missing'!r} is not read; known: {', '.join(TYPES)}")
    found = sniff(content)
    wanted = "text" if kind in ("text", "markdown") else declared
    if found != wanted:
        raise WrongTypeError(f"the content type says {declared}, but the content is {found or 'of no known type'}")
    return kind


def sniff(content: bytes) -> str:
    """Return the type of content by its first bytes; `text` for UTF-8 without control bytes; empty when unknown."""
    if b"%PDF-" in content[:1024]:
        return "application/pdf"
    for start, name in (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
    ):
        if content.startswith(start):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:2] == b"BM" and content[6:10] == b"\x00\x00\x00\x00":
        return "image/bmp"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "" if b"\x00" in content else "text"
