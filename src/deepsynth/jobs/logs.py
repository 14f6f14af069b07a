"""The log of a job: one stream of bytes over all attempts, kept in files that are named by the offset at which they begin.

Old files are removed, and offsets stay valid: a reader that asks for bytes which are gone is given the oldest that are there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deepsynth.jobs.secrets import redact

FILE_BYTES = 20 * 2**20
FILES_KEPT = 5
LONGEST_LINE = 64 * 2**10


class LogWriter:
    """Appends what a job prints, without tokens. Only its runner writes."""

    def __init__(
        self, folder: Path, *, known: Iterable[bytes] = (), file_bytes: int = FILE_BYTES, files_kept: int = FILES_KEPT
    ) -> None:
        """Go on where an earlier attempt's writer stopped; `known` are secrets to leave out."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._known = folder, tuple(known)
        self._file_bytes, self._files_kept = file_bytes, files_kept
        self._waiting = b""
        self._open(size(folder))

    def write(self, content: bytes) -> None:
        """Append output; whole lines are written at once, so that no token is cut in two."""
        *lines, self._waiting = (self._waiting + content).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if len(self._waiting) > LONGEST_LINE:
            lines, self._waiting = [*lines, self._waiting], b""
        if lines:
            self._append(b"\n".join(lines) + b"\n")

    def line(self, text: str) -> None:
        """Append a line of the runner's own."""
        self.write(text.encode() + b"\n")

    def close(self) -> None:
        """Write what has no line end."""
        if self._waiting:
            self.write(b"\n")
        self._file.close()

    def _append(self, content: bytes) -> None:
        self._file.write(redact(content, self._known))
        self._file.flush()
        if self._file.tell() >= self._file_bytes:
            self._file.close()
            self._open(size(self._folder))
            for path in _files(self._folder)[: -self._files_kept]:
                path.unlink(missing_ok=True)

    def _open(self, place: int) -> None:
        files = _files(self._folder)
        fresh = not files or files[-1].stat().st_size >= self._file_bytes
        path = self._folder / f"{place:020}.log" if fresh else files[-1]
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPart:
    """A stretch of a log."""

    text: str
    offset: int
    """Where the stretch begins; later than asked for when older bytes are gone."""
    next_offset: int
    size: int
    """Bytes that were ever written."""


def size(folder: Path) -> int:
    """Return how many bytes were ever written."""
    files = _files(folder)
    return int(files[-1].stem) + files[-1].stat().st_size if files else 0


def read(folder: Path, offset: int, limit: int) -> LogPart:
    """Return up to `limit` bytes from `offset` on; a negative one counts from the end."""
    total = size(folder)
    files = _files(folder)
    if not files:
        return LogPart(text="", offset=0, next_offset=0, size=0)
    start = max(int(files[0].stem), total + offset if offset < 0 else offset)
    start, content = min(start, total), b""
    for path in files:
        begin = int(path.stem)
        if begin + path.stat().st_size <= start + len(content) or len(content) >= limit:
            continue
        with path.open("rb") as file:
            file.seek(start + len(content) - begin)
            content += file.read(limit - len(content))
    content = _whole_characters(content)
    text = content.decode("utf-8", "replace")
    return LogPart(text=text, offset=start, next_offset=start + len(content), size=total)


def _whole_characters(content: bytes) -> bytes:
    """Leave a character that was cut off at the end for the next read."""
    for back in range(1, min(4, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return content[:-back] if length > back and back < len(content) else content
    return content


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))
