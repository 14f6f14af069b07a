"""The work of a job, in a process of its own: runs a verb, tells how far it is, stops when asked, says how it ended."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.documents import Progress
from deepsynth.core.errors import DeepSynthError, Paused
from deepsynth.core.files import write_json
from deepsynth.core.progress import Pace, Rate, in_words
from deepsynth.core.verbosity import log_level
from deepsynth.jobs.reasons import PAUSED_CODE

PROGRESS_INTERVAL = 0.25
CONTROL_INTERVAL = 0.1


class JobReporter:
    """Writes progress into the attempt's folder and messages into the log."""

    def __init__(self, folder: Path, control: Control, *, may_stop: bool) -> None:
        """`may_stop`: the work knows nothing of pauses, but may be stopped whenever it tells its progress."""
        self._path, self._control, self._may_stop = folder / "progress.json", control, may_stop
        self._pace, self._told = Pace(), 0.0

    def progress(self, progress: Progress) -> None:
        """Write how far the work is, a few times a second at most.

        Raises:
            Paused: the work was asked to stop, and goes on from what it has written when it is run again.
        """
        rate = self._pace.follow(progress)
        finished = progress.done == progress.total
        if finished or time.monotonic() - self._told >= PROGRESS_INTERVAL:
            self._told = time.monotonic()
            self._write(progress, rate)
        if self._may_stop and self._control.should_pause():
            self._write(progress, rate)
            raise Paused(f"stopped after {progress.done} ({progress.message}); resume goes on from there")

    def message(self, text: str) -> None:
        """Print a line with the time."""
        sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
        sys.stdout.flush()

    def _write(self, progress: Progress, rate: Rate) -> None:
        values: dict[str, Any] = {
            "done": progress.done,
            "total": progress.total,
            "message": progress.message,
            "metrics": {name: _finite(value) for name, value in progress.metrics.items()},
            "per_second": rate.per_second(progress.done),
            "seconds_left": rate.seconds_left(progress.done),
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        temporary = self._path.with_suffix(".new")  # no fsync: a lost line of progress is no loss
        temporary.write_text(json.dumps(values), encoding="utf-8")
        temporary.replace(self._path)


def _finite(value: float) -> float | None:
    return float(value) if abs(value) < float("inf") else None


def watch_control(path: Path, control: Control) -> threading.Thread:
    """Ask for a pause once the file `path` appears; return the thread that looks."""

    def look() -> None:
        while not path.exists():
            time.sleep(CONTROL_INTERVAL)
        control.request_pause()

    thread = threading.Thread(target=look, name="control", daemon=True)
    thread.start()
    return thread


Work = Callable[[JobReporter, Control], Any]
"""(reporter, control) -> what the verb returns"""


def work(attempt: Path, run: Work, *, may_stop: bool) -> int:
    """Run a verb for an attempt and return the exit code; what went wrong is written to outcome.json and to the log.

    Args:
        attempt: the folder of the attempt.
        run: the verb.
        may_stop: see `JobReporter`.
    """
    logging.basicConfig(level=log_level("INFO"), format="%(levelname)s: %(message)s")
    control = Control()
    watch_control(attempt / "control", control)
    reporter = JobReporter(attempt, control, may_stop=may_stop)
    try:
        with pause_on_signals(control):
            result = run(reporter, control)
    except Paused as error:
        return _end(attempt, PAUSED_CODE, error, expected=True)
    except DeepSynthError as error:
        return _end(attempt, error.exit_code, error, expected=True)
    except Exception as error:  # noqa: BLE001  (the edge of the process: whatever it was is written down and told)
        traceback.print_exc()
        return _end(attempt, 1, error, expected=False)
    text = in_words(result)
    sys.stdout.write(text.rstrip("\n") + "\n")
    write_json(attempt / "outcome.json", {"result": text})
    return 0


def _end(attempt: Path, code: int, error: BaseException, *, expected: bool) -> int:
    sys.stderr.write(f"{'stopped' if code == PAUSED_CODE else 'error'}: {error}\n")
    detail = " ".join(str(error).split())
    values = {"error": type(error).__name__, "detail": detail, "field": getattr(error, "field", None)}
    try:
        write_json(attempt / "outcome.json", {**values, "expected": expected})
    except (DeepSynthError, OSError) as refused:  # a full disk; the exit code and the log still tell
        sys.stderr.write(f"error: {refused}\n")
    return code
