"""How work that takes long tells its progress, without knowing who watches."""

from __future__ import annotations

import time
from typing import Any, Protocol

from deepsynth.core.documents import Progress


class Reporter(Protocol):
    """Receives progress and plain messages; the command line draws a bar, a job writes to its store."""

    def progress(self, progress: Progress) -> None:
        """Tell how far the work is."""
        ...

    def message(self, text: str) -> None:
        """Tell one line that stays on the screen and in the log."""
        ...


class SilentReporter:
    """Tells nobody."""

    def progress(self, progress: Progress) -> None:
        """Drop it."""

    def message(self, text: str) -> None:
        """Drop it."""


class Rate:
    """Measures items per second and the seconds that are left, from the moment it is made."""

    def __init__(self, total: int | None, start: int = 0) -> None:
        """`start` items were done before this run and count neither way."""
        self.total = total
        self.start = start
        self._began = time.monotonic()

    def per_second(self, done: int) -> float:
        """Return the mean rate since the start."""
        return (done - self.start) / max(time.monotonic() - self._began, 1e-9)

    def seconds_left(self, done: int) -> float | None:
        """Return the expected time left, or none while unknown."""
        rate = self.per_second(done)
        return None if self.total is None or rate <= 0 else (self.total - done) / rate


class Pace:
    """Follows work through its parts; each part, told by its message or by a count that starts over, has a rate of its own."""

    def __init__(self) -> None:
        self._rate: Rate | None = None
        self._message, self._done = "", 0

    def follow(self, progress: Progress) -> Rate:
        """Return the rate of the part that this progress belongs to."""
        if self._rate is None or progress.message != self._message or progress.done < self._done:
            self._rate, self._message = Rate(progress.total, progress.done), progress.message
        self._done = progress.done
        return self._rate


def in_words(result: Any) -> str:
    """Return what a workflow's result says of itself; nothing for none."""
    if result is None:
        return ""
    return result if isinstance(result, str) else str(result.describe())


def format_seconds(seconds: float | None) -> str:
    """Return `1:02:03`, `2:03` or `?`."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
