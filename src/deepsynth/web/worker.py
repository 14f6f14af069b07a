"""The `worker` verb: runs the queue of a state folder and serves nothing, so that the web server may be replaced at any time.

    DEEPSYNTH_UI_RUN_QUEUE=0 deepsynth web        the server, which then starts no job itself
    deepsynth worker                              beside it, on the same state folder

A second worker waits until the first has ended. The jobs themselves outlive it, as they outlive the server, unless
`pause_on_stop` says otherwise.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from types import FrameType

from deepsynth.core.errors import QueueError
from deepsynth.core.progress import Reporter
from deepsynth.core.verbosity import log_level
from deepsynth.web.config import WorkerConfig, over_environment
from deepsynth.web.engine import JobEngine, make_engine
from deepsynth.web.journal import write_log

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def run(config: WorkerConfig, reporter: Reporter) -> str | None:
    """Run the queue until SIGTERM or SIGINT; with `check`, tell whether somebody does.

    Raises:
        StorageError: the state folder, or the database server, cannot be used.
        QueueError: as `work` and `check`.
    """
    settings = over_environment(config)
    write_log(settings.log_format, level=log_level())
    os.umask(0o077)
    engine = make_engine(settings)
    try:
        if settings.check:
            return check(engine)
        stop = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        reporter.message(f"runs the jobs of {engine.place.state_dir} (stop with Ctrl-C)")
        work(engine, stop, pause_on_stop=settings.pause_on_stop)
    finally:
        engine.store.close()
    return None


def work(engine: JobEngine, stop: threading.Event, *, pause_on_stop: bool) -> None:
    """Take the queue, waiting while another process has it, and run it until `stop` is set.

    Raises:
        QueueError: the scheduler's thread has ended, which only a defect can do; whoever supervises starts anew.
    """
    told = False
    while not engine.scheduler.start():
        if not told:
            logger.warning("another process runs the queue of %s: this one waits", engine.place.state_dir)
            told = True
        if stop.wait(LOOK_SECONDS):
            return
    while engine.scheduler.is_running and not stop.wait(LOOK_SECONDS):
        pass
    failed = not engine.scheduler.is_running
    engine.stop(pause=pause_on_stop)
    if failed:
        raise QueueError("the queue has stopped by itself; see the log above, and start the worker again")


def check(engine: JobEngine) -> str:
    """Return a word of confirmation.

    Raises:
        StorageError: the store does not answer.
        QueueError: nobody runs the queue.
    """
    engine.store.last_event()
    if not engine.scheduler.is_taken:
        raise QueueError(f"nobody runs the queue of {engine.place.state_dir}; start deepsynth worker")
    return "ok"
