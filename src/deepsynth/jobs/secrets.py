"""Secrets never reach a log: what looks like a token, or is known to be one, is blotted out where text is written."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deepsynth.core.errors import StorageError

BLOT = "[redacted]"
_LOOKS_LIKE_TOKEN = re.compile(
    rb"hf_[A-Za-z0-9]{20,}|(?:ghp|gho|ghs)_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{30,}|AKIA[A-Z0-9]{16}"
)
NEVER_PASSED_ON = ("DEEPSYNTH_TOKEN", "DEEPSYNTH_TOKEN_FILE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
"""Variables that a job does not inherit; a job that needs the Hub gets a file instead (see `TokenFiles`)."""
_MEMORY_FOLDERS = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")


def redact(content: bytes, known: Iterable[bytes] = ()) -> bytes:
    """Return `content` without tokens: those that look like one, and each of `known`."""
    for secret in known:
        if secret:
            content = content.replace(secret, BLOT.encode())
    return _LOOKS_LIKE_TOKEN.sub(BLOT.encode(), content)


def redact_text(text: str, known: Iterable[str] = ()) -> str:
    """Return `text` without tokens."""
    return redact(text.encode("utf-8", "surrogatepass"), (item.encode() for item in known)).decode("utf-8", "replace")


class TokenFiles:
    """Hands a token to a job as a file that only its owner reads and that lies in memory, never on a disk."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` must lie in memory; by default the user's runtime folder or /dev/shm."""
        self._folder = folder

    def write(self, job_id: str, attempt: int, token: str) -> Path:
        """Write the token for an attempt and return the file.

        Raises:
            StorageError: this machine has no folder in memory.
        """
        path = self.path(job_id, attempt)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(handle, token.encode())
        finally:
            os.close(handle)
        return path

    def path(self, job_id: str, attempt: int) -> Path:
        """Return where the token of an attempt lies."""
        return self._home() / f"{job_id}-{attempt}"

    def path_if_there(self, job_id: str, attempt: int) -> Path | None:
        """Return the file of an attempt that was given a token, else none."""
        try:
            path = self.path(job_id, attempt)
        except StorageError:  # no folder in memory, so none was written
            return None
        return path if path.is_file() else None

    def remove(self, job_id: str, attempt: int) -> None:
        """Remove the token of an attempt that is over."""
        path = self.path_if_there(job_id, attempt)
        if path is not None:
            path.unlink(missing_ok=True)

    def _home(self) -> Path:
        if self._folder is not None:
            return self._folder
        for name in _MEMORY_FOLDERS:
            if name and Path(name).is_dir() and os.access(name, os.W_OK):
                return Path(name) / f"deepsynth-{os.getuid()}"
        raise StorageError(
            f"there is no folder in memory for a token ({tempfile.gettempdir()} may be a disk); log in with"
            " `hf auth login` on this machine instead"
        )
