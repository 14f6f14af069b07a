"""Files of text line by line, unpacked on the way; damage costs the rest of one file, never the run."""

from __future__ import annotations

import functools
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, cast

from deepsynth.core.errors import MissingExtraError
from deepsynth.data.sources.columns import RowError
from deepsynth.data.sources.remote import StoredFile

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is no row of text; it is skipped without being held in memory."""


def _open_zstd(file: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError("zstandard", "data") from error
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
    return cast("AbstractContextManager[IO[bytes]]", io.BufferedReader(cast("io.RawIOBase", reader)))


PACKED: dict[str, Callable[[IO[bytes]], AbstractContextManager[IO[bytes]]]] = {
    ".gz": lambda file: cast("AbstractContextManager[IO[bytes]]", gzip.GzipFile(fileobj=file, mode="rb")),
    ".xz": lambda file: cast("AbstractContextManager[IO[bytes]]", lzma.LZMAFile(file, "rb")),  # noqa: SIM115
    ".zst": _open_zstd,
}
"""How packed files are opened, by the ending of their name."""


def _damage_errors() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError]
    try:
        import zstandard
    except ImportError:
        return tuple(found)
    return (*found, zstandard.ZstdError)


def read_lines(path: StoredFile) -> Iterator[tuple[int, bytes | RowError]]:
    """Yield each line with its number from 1; a damaged rest of a compressed file is one last bad row."""
    opener = PACKED.get(path.suffix.lower(), nullcontext)
    number = 0
    with path.open("rb") as raw, opener(raw) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    yield number, RowError("too-long", f"the line exceeds {MAX_LINE_BYTES} bytes")
                else:
                    yield number, line
        except _damage_errors() as error:
            yield number + 1, RowError("damaged-file", f"the rest of the file cannot be unpacked: {error}")


def count_lines(path: StoredFile, head: int = 0) -> int | None:
    """Return the lines behind the first `head` ones; none where they would have to be fetched or unpacked."""
    if not isinstance(path, Path) or path.suffix.lower() in PACKED:
        return None
    with path.open("rb") as file:
        pieces = iter(functools.partial(file.read, 2**20), b"")
        return max(0, sum(piece.count(b"\n") for piece in pieces) - head)
