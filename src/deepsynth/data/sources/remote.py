"""Files that are not on this machine: opened through fsspec and read piece by piece, as far as they are needed.

`hf://datasets/OWNER/NAME/rows.parquet`, `s3://bucket/rows.jsonl.gz` and so on; each kind needs its own package (`s3fs` for S3;
`hf` is always there). A remote file answers to the same few names as a `Path`, so that readers need not tell them apart.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from deepsynth.core.errors import InputError
from deepsynth.data.hub_calls import transport_error


@dataclass(frozen=True)
class RemoteFile:
    """A file by its address."""

    url: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        return find_filesystem(self.url)

    @property
    def name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(self.url).name

    @property
    def suffix(self) -> str:
        """The ending of the name."""
        return PurePosixPath(self.url).suffix

    @property
    def suffixes(self) -> list[str]:
        """All endings of the name."""
        return PurePosixPath(self.url).suffixes

    def is_file(self) -> bool:
        """Return whether it is there."""
        filesystem, path = self._place
        with remote_errors(self.url):
            return bool(filesystem.isfile(path))

    def size(self) -> int:
        """Return its length in bytes."""
        filesystem, path = self._place
        with remote_errors(self.url):
            return int(filesystem.size(path))

    def identity(self) -> str:
        """Return what changes when the file does, as far as its host tells."""
        filesystem, path = self._place
        with remote_errors(self.url):
            return str(filesystem.ukey(path))

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Open it; only what is read is transferred, in blocks."""
        filesystem, path = self._place
        with remote_errors(self.url):
            return io.BufferedReader(cast("io.RawIOBase", filesystem.open(path, mode)))

    def __str__(self) -> str:
        return self.url


StoredFile = Path | RemoteFile


def size_of(file: StoredFile) -> int:
    """Return the length of a file in bytes."""
    return file.stat().st_size if isinstance(file, Path) else file.size()


def identity_of(file: StoredFile) -> list[object]:
    """Return what tells a file from a changed one without reading it."""
    if isinstance(file, RemoteFile):
        return [file.size(), file.identity()]
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def find_filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of an address and the path in it.

    Raises:
        InputError: nobody knows this kind of address, or its package is not installed.
    """
    import fsspec.core

    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InputError(f"cannot open {url}: {error}", field="source") from error


def list_files(url: str) -> tuple[str, list[str]]:
    """Return the full form of `url` and the addresses that it means: itself, those of a pattern with `*`, or all below it.

    Raises:
        InputError: there is none, or the host cannot be reached.
    """
    filesystem, path = find_filesystem(url)
    with remote_errors(url):
        if "*" in path:
            found = filesystem.glob(path)
        else:
            found = filesystem.find(path) if filesystem.isdir(path) else [path] if filesystem.exists(path) else []
        base, *addresses = (filesystem.unstrip_protocol(item) for item in [path, *sorted(found)])
    if not addresses:
        raise InputError(f"nothing at {url}", field="source")
    return base, addresses


@contextmanager
def remote_errors(url: str) -> Generator[None]:
    """Turn what networks do into one line that names the address."""
    try:
        yield
    except (transport_error(), OSError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0].partition("?")[0] if lines else type(error).__name__
        raise InputError(f"cannot read {url}: {reason}; run it again, it goes on where it stopped") from error
