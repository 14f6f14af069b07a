"""How running work hears that it should stop: a flag that it looks at between steps, set by a signal or by a job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Control:
    """Carries a request to pause; the work saves what it has at the next step and raises `Paused`."""

    def __init__(self) -> None:
        self._pause = threading.Event()

    def request_pause(self) -> None:
        """Ask the work to save and stop; may be called from a signal handler or another thread."""
        self._pause.set()

    def should_pause(self) -> bool:
        """Tell whether a pause was asked for."""
        return self._pause.is_set()


@contextmanager
def pause_on_signals(control: Control) -> Generator[None]:
    """Let SIGTERM and SIGINT ask for a pause; a second SIGINT stops at once. Outside the main thread, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        control.request_pause()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
