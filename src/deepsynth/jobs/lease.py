"""The lease of an attempt on a shared store: it tells the store that it lives, and stops in time when it cannot.

Another machine cannot look at this one's locks. It goes by the store: an attempt that was silent for the length of its lease
counts as dead, and the job goes on elsewhere. So an attempt that cannot reach the store saves at half of that time and is
killed at four fifths: it ends before anybody may start the next one. A thread of its own watches, because the call that asks
the store may itself hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RENEWALS = 12
"""Renewals in the length of a lease."""
SAVE_AT, KILL_AT = 0.5, 0.8


def now() -> float:
    """Return seconds of a clock that also counts the time for which the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """Watches how long ago the store was last heard of."""

    def __init__(
        self,
        seconds: float,
        save: Callable[[float], None],
        kill: Callable[[str], None],
        *,
        clock: Callable[[], float] = now,
    ) -> None:
        """Begin to watch.

        Args:
            seconds: its length.
            save: called once at half of it, with the seconds that are left for saving.
            kill: called at four fifths of it, with the reason in words.
            clock: tells the seconds.
        """
        self._seconds, self._save, self._kill, self._clock = seconds, save, kill, clock
        self._renewed, self._saving = clock(), False
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="lease", daemon=True).start()

    def renew(self, beat: Callable[[], bool]) -> bool:
        """Call `beat` when it is time; return false when the store says that the attempt is over.

        The time counts from before the question, so that a slow answer lengthens nothing.
        """
        began = self._clock()
        if began - self._renewed < self._seconds / RENEWALS:
            return True
        if not beat():
            return False
        self._renewed = began
        return True

    def end(self) -> None:
        """Watch no more: nothing is left to stop."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds / 50):
            silent = self._clock() - self._renewed
            if silent > KILL_AT * self._seconds:
                self._kill(
                    f"the store was out of reach for {silent:.0f} s, so another machine might have taken the job"
                )
            elif silent > SAVE_AT * self._seconds and not self._saving:
                self._saving = True
                self._save(KILL_AT * self._seconds - silent)
