"""Progress on a terminal as a bar, elsewhere as one line each few seconds, and the result at the end on stdout."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from deepsynth.core.documents import Progress
from deepsynth.core.progress import Pace, format_seconds, in_words

LINE_INTERVAL = 10.0
"""Seconds between progress lines when nobody watches a terminal."""


class ConsoleReporter:
    """Draws progress on stderr, so that stdout holds results alone."""

    def __init__(self) -> None:
        """Find out whether stderr is a terminal."""
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, rate="", start=True)
        self._pace, self._last_line = Pace(), 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def progress(self, progress: Progress) -> None:
        """Move the bar, or write a line if the last one is old enough."""
        pace = self._pace.follow(progress)
        rate = "  ".join(f"{name} {value:.4g}" for name, value in progress.metrics.items())
        if progress.done > pace.start:  # before, there is nothing to tell a speed from
            left = format_seconds(pace.seconds_left(progress.done))
            rate = f"{pace.per_second(progress.done):.3g}/s  {left} left  {rate}"
        self._bar.update(
            self._task, completed=progress.done, total=progress.total, description=progress.message, rate=rate
        )
        if not self._console.is_terminal and time.monotonic() - self._last_line >= LINE_INTERVAL:
            self._last_line = time.monotonic()
            total = "?" if progress.total is None else progress.total
            self.message(f"{progress.message}: {progress.done}/{total}  {rate}".rstrip())

    def message(self, text: str) -> None:
        """Write one line that stays."""
        self._console.print(text, markup=False)

    def result(self, result: Any) -> None:
        """Write what a workflow returned to stdout: its own words, if it has any left to say."""
        text = in_words(result)
        if text:
            sys.stdout.write(text.rstrip("\n") + "\n")
