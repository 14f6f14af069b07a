"""Uploads: raw bodies, counted while they come, kept under an id with what they really are."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from deepsynth.core.files import write_json
from deepsynth.jobs.folder import JOB_ID, read_json
from deepsynth.jobs.machine import disk_free
from deepsynth.jobs.rows import now
from deepsynth.web.errors import FullError, TooLargeError, TooSlowError, UnknownThingError, WrongContentTypeError

CHUNK_SECONDS = 30.0
TYPES: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
}
"""Media types that are taken, with the ending under which they are kept."""
_BEGINNINGS: Mapping[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-",),
    "application/vnd.apache.parquet": (b"PAR1",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/webp": (b"RIFF",),
}


class Uploads:
    """A folder of uploads, each in one of its id: `content.<ending>` and `upload.json`, which is written last."""

    def __init__(self, folder: Path, *, upload_bytes: int, quota_bytes: int, free_bytes: int) -> None:
        """One upload, all together, and what must stay free on the disk, in bytes."""
        self._folder = folder
        self._upload_bytes, self._quota_bytes, self._free_bytes = upload_bytes, quota_bytes, free_bytes

    async def receive(self, body: AsyncIterator[bytes], media_type: str, name: str) -> dict[str, Any]:
        """Store a body and return its description; a refused or broken one leaves nothing behind.

        Raises:
            WrongContentTypeError: the type is not taken, or the first bytes are not those of the type.
            TooLargeError: it is larger than the limit.
            TooSlowError: it stopped coming.
            FullError: the quota is used up, or the disk would be too full.
        """
        if media_type not in TYPES:
            what = f"content type {media_type[:60]} is not taken" if media_type else "the upload has no content type"
            raise WrongContentTypeError(f"{what}; send one of {', '.join(TYPES)}")
        identity = secrets.token_hex(8)
        folder = self._folder / f".{identity}"
        folder.mkdir(parents=True, mode=0o700)
        try:
            size, digest = await self._write(body, folder / f"content{TYPES[media_type]}", media_type)
            values = {
                "id": identity,
                "name": Path(name).name[:200] or "upload",
                "media_type": media_type,
                "bytes": size,
                "sha256": digest,
                "created_at": now(),
                "reference": f"upload:{identity}",
            }
            write_json(folder / "upload.json", values)
            folder.replace(self._folder / identity)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return values

    async def _write(self, body: AsyncIterator[bytes], path: Path, media_type: str) -> tuple[int, str]:
        room = self._quota_bytes - await asyncio.to_thread(self.used)
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            async for chunk in _in_time(body):
                if not size and chunk:
                    _check_beginning(chunk, media_type)
                size += len(chunk)
                if size > self._upload_bytes:
                    raise TooLargeError(f"the upload has more than the {self._upload_bytes:,} bytes that are taken")
                if size > room:
                    raise FullError(f"uploads may take {self._quota_bytes:,} bytes together; delete some")
                if disk_free(path.parent) - len(chunk) < self._free_bytes:
                    raise FullError(f"the disk must keep {self._free_bytes:,} bytes free; remove what is not needed")
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
            file.flush()
            os.fsync(file.fileno())
        if not size:
            raise WrongContentTypeError("the upload is empty; send the bytes of a file")
        return size, digest.hexdigest()

    def used(self) -> int:
        """Return the bytes of all uploads."""
        return sum(path.lstat().st_size for path in self._folder.rglob("content.*"))

    def list(self) -> list[dict[str, Any]]:
        """Return every upload, newest first."""
        found = (read_json(path) for path in self._folder.glob("[0-9a-f]*/upload.json"))
        return sorted((values for values in found if values), key=lambda values: values["created_at"], reverse=True)

    def get(self, identity: str) -> dict[str, Any]:
        """Return an upload's description.

        Raises:
            UnknownThingError: there is none of this id.
        """
        values = read_json(self._folder / identity / "upload.json") if JOB_ID.fullmatch(identity) else None
        if values is None:
            raise UnknownThingError(f"no upload {identity[:40]!r}; list them to see what there is")
        return values

    def content(self, identity: str) -> Path:
        """Return the file of an upload."""
        return self._folder / identity / f"content{TYPES[self.get(identity)['media_type']]}"

    def describe(self, identity: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Add to an upload's description, for example its number of pages."""
        values = {**self.get(identity), **facts}
        write_json(self._folder / identity / "upload.json", values)
        return values

    def delete(self, identity: str) -> None:
        """Remove an upload."""
        self.get(identity)
        shutil.rmtree(self._folder / identity)


def _check_beginning(chunk: bytes, media_type: str) -> None:
    known = _BEGINNINGS.get(media_type)
    if known and not chunk.startswith(known):
        raise WrongContentTypeError(f"the upload does not begin as {media_type} does; send the type that it is of")
    if known is None and b"\0" in chunk:
        raise WrongContentTypeError(f"the upload is not {media_type}: it holds NUL bytes")


async def _in_time(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks of a body, each of which must come in time."""
    while True:
        try:
            yield await asyncio.wait_for(anext(body), CHUNK_SECONDS)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TooSlowError(f"no byte of the upload came for {CHUNK_SECONDS:g} seconds; send it again") from None
