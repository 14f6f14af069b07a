"""Files that are whole or absent: temporary name, fsync, rename, and a manifest written last."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepsynth.core.errors import CheckpointError, StorageError

MANIFEST = "manifest.json"
_LEFTOVER = re.compile(r"\..+\.(?:parquet|jsonl?|md|png)\.[a-z0-9_]{8}")
"""What `new_file` calls the files of a dataset before they are whole."""


_REFUSALS = {
    errno.ENOSPC: "the disk is full; free space or name another folder",
    errno.EDQUOT: "the disk quota is used up; free space or name another folder",
    errno.EROFS: "the file system is read-only; name another folder",
    errno.EACCES: "permission denied; name another folder",
    errno.EPERM: "permission denied; name another folder",
    errno.EEXIST: "a file is in the way; remove it or name another folder",
    errno.EISDIR: "a folder is in the way; remove it or name another",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOTDIR: "a part of this path is a file; name another folder",
}


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn what the operating system refuses (full disk, no permission, a file in the way) into one line that names `path`.

    Raises:
        StorageError: names the path, the reason and the remedy.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise StorageError(f"cannot write {path}: {_REFUSALS[error.errno]}") from error


def make_folder(path: Path) -> None:
    """Make a folder that only its owner opens, and those above it, where they are not there.

    Raises:
        StorageError: the operating system refuses, for example because a file is in the way.
    """
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable (a no-op where folders cannot be opened, as on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def new_file(path: Path) -> Generator[Path]:
    """Yield a temporary path that becomes `path` when the block ends well; a reader sees the old file or the new one.

    Raises:
        StorageError: the disk is full, over quota, read-only or forbidden.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that a writer left in `folder` when it was killed; only its one writer may call this."""
    for path in folder.glob(".*.*"):
        if path.is_file() and _LEFTOVER.fullmatch(path.name):
            path.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a part (see `new_file`)."""
    with new_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically; lone surrogates are refused by the encoder."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, atomically, with NaN refused (it is not JSON)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; of a link, its own."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def hash_file(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, extra: Mapping[str, Any] | None = None) -> None:
    """Write name, size and sha256 of each file of `folder`; its presence means complete, so it is written last."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": hash_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and not _is_hidden(path.relative_to(folder))
    }
    write_json(folder / MANIFEST, {**(extra or {}), "files": files})


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def read_manifest(folder: Path, *, verify: bool = True) -> dict[str, Any]:
    """Return the manifest of `folder`; with `verify`, after comparing each file with its size and sha256.

    Raises:
        CheckpointError: the manifest is absent (the writer never finished) or unreadable, or a file differs from it.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no {MANIFEST}: it was never finished; remove it or start again")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); remove the folder or start again") from error
    if not isinstance(manifest.get("files"), dict):
        raise CheckpointError(f"{path} lists no files: it is no manifest of DeepSynth; name another folder")
    for name, facts in manifest["files"].items() if verify else ():
        file = folder / name
        if not file.is_file():
            raise CheckpointError(f"{file} is missing although {path} lists it; copy the folder again")
        if file.stat().st_size != facts["bytes"] or hash_file(file) != facts["sha256"]:
            raise CheckpointError(
                f"{file} is damaged: it differs from the size or sha256 in {path}; copy the folder again"
            )
    return manifest


@contextmanager
def new_folder(path: Path, extra: Mapping[str, Any] | None = None) -> Generator[Path]:
    """Yield a temporary folder that becomes `path`, with its manifest, when the block ends well; else it is removed.

    An existing folder of that name is replaced only after the new one is whole.

    Raises:
        StorageError: a file of that name is in the way, or the disk is full, over quota, read-only or forbidden.
    """
    if path.is_file():
        raise StorageError(f"{path} is a file, and a folder is to be written there; name another folder")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            write_manifest(temporary, extra)
            temporary.chmod(0o755)
            if path.exists():
                old = temporary.with_name(temporary.name + ".old")
                path.replace(old)
                temporary.replace(path)
                shutil.rmtree(old)
            else:
                temporary.replace(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(path.parent)
