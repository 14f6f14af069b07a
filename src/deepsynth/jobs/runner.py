"""The runner: one process for each attempt, which starts the work, watches it, and writes down how it ended.

It outlives the server that started it. It holds the job's locks from before it begins (whoever starts it hands them over), so
the kernel knows at any moment whether it lives. What it tells the store carries its attempt; when the store knows a later one,
it ends the work and itself.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from deepsynth.core.errors import StorageError
from deepsynth.jobs.folder import ExitRecord, JobFolder, read_json
from deepsynth.jobs.job import ACTIVE, SHUTDOWN_SECONDS, IllegalMoveError, Job, JobStatus, UnknownJobError
from deepsynth.jobs.lease import Lease
from deepsynth.jobs.logs import LogWriter
from deepsynth.jobs.place import LEASE_SECONDS
from deepsynth.jobs.processes import MARK, mark, sweep, usage
from deepsynth.jobs.reasons import count_memory_kills, describe_end
from deepsynth.jobs.store import StateManager

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.3
SAMPLE_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
"""How long a runner tries to tell a store that does not answer, before it leaves that to the exit record."""


class Runner:
    """Runs one attempt of a job to its end."""

    def __init__(
        self,
        store: StateManager,
        folder: JobFolder,
        job: Job,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """The locks of `folder` are held by this process already; `command` starts the work.

        `lease_seconds`: on a shared store, how long the attempt may be silent before another machine takes its job.
        """
        self._store, self._folder, self._job = store, folder, job
        self._command, self._environment = list(command), dict(environment)
        self._attempt = folder.attempt(job.attempt)
        self._told_to_stop = False
        self._killed_because = ""
        self._deadline: float | None = None
        self._shutdown = threading.Event()
        self._last_progress: object = None
        self._next_sample = 0.0
        self._lease = Lease(lease_seconds, self._save_unheard, self._kill) if folder.host else None

    def run(self) -> ExitRecord | None:
        """Run the attempt; return its record, or none when another attempt has taken over."""
        self._attempt.mkdir(parents=True, exist_ok=True, mode=0o700)
        signal.signal(signal.SIGTERM, self._hear_shutdown)
        log = LogWriter(self._folder.log, known=_secrets(self._environment))
        try:
            record = self._run_work(log)
        finally:
            if self._lease is not None:
                self._lease.end()
            log.close()
        if record is None:
            self._let_go()
            return None
        _until_stored(lambda: self._folder.write_exit(self._job.attempt, record))
        # from here on the record is the proof, so the next attempt need not wait for this process
        self._let_go()
        _ignoring_storage(self._tell_progress)
        _until_stored(lambda: self._store.settle([(self._job, record)]))
        return record

    def _run_work(self, log: LogWriter) -> ExitRecord | None:
        """Start the work and wait for its end; return how it ended, or none when another attempt has taken over."""
        before = count_memory_kills()
        log.line(f"--- attempt {self._job.attempt} of job {self._job.id} ({self._job.kind}) ---")
        process = self._start()
        assert process.stdout is not None
        pump = threading.Thread(target=_pump, args=(process.stdout, log), daemon=True)
        pump.start()
        fenced = self._watch(process)
        sweep([self._job.id], self._folder.host)  # whatever the work has left behind
        pump.join(timeout=5)
        if not pump.is_alive():
            process.stdout.close()
        if fenced:
            log.line("another attempt has taken over; this one ends")
            return None
        record = describe_end(
            process.returncode,
            read_json(self._attempt / "outcome.json"),
            mark=self._folder.mark(self._job.attempt),
            out_of_memory=count_memory_kills() > before,
            killed_because=self._killed_because,
        )
        log.line(f"--- {record.reason or record.status} ---")
        return record

    def _hear_shutdown(self, _number: int, _frame: FrameType | None) -> None:
        """Let the work save before the machine stops."""
        self._shutdown.set()

    def _let_go(self) -> None:
        self._folder.alive.let_go()
        self._folder.runner.let_go()

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self._folder.alive.descriptor
        assert descriptor is not None
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**self._environment, MARK: mark(self._job.id, self._job.attempt, self._folder.host)},
            cwd=self._folder.path,
            pass_fds=[descriptor],
        )
        _ignoring_storage(self._begin)
        return process

    def _begin(self) -> None:
        try:
            self._store.move_job(self._job.id, JobStatus.RUNNING, attempt=self._job.attempt)
        except IllegalMoveError:
            logger.info("job %s was asked to stop before it ran", self._job.id)

    def _watch(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the end of the work; return whether another attempt has taken over."""
        while True:
            try:
                process.wait(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            else:
                return False
            if not _ignoring_storage(self._listen):
                sweep([self._job.id], self._folder.host)
                process.wait()
                return True
            if self._shutdown.is_set() and not self._told_to_stop:
                self._ask_to_stop("shutdown", SHUTDOWN_SECONDS)
            if self._deadline is not None and time.monotonic() > self._deadline:
                seconds = f"{self._job.grace_seconds:g} s"
                self._kill(f"it did not stop within {seconds} and was killed; it goes on from its last checkpoint")
            if time.monotonic() >= self._next_sample:
                self._next_sample = time.monotonic() + SAMPLE_SECONDS
                self._sample(process.pid)

    def _listen(self) -> bool:
        """Hear what is wanted and tell how far the work is; return whether this attempt is still the current one."""
        try:
            job = self._store.get_job(self._job.id)
        except UnknownJobError:
            return False
        if job.attempt != self._job.attempt or job.status not in ACTIVE:
            return False
        if self._lease is not None and not self._lease.renew(lambda: self._store.beat(job.id, job.attempt)):
            return False
        if job.status is JobStatus.CANCELLING and not job.save:
            self._kill("stopped at once, without saving")
        elif job.status in (JobStatus.PAUSING, JobStatus.CANCELLING) and not self._told_to_stop:
            self._ask_to_stop("pause" if job.status is JobStatus.PAUSING else "cancel", job.grace_seconds)
        elif job.status is JobStatus.STARTING:
            self._begin()
        self._tell_progress()
        return True

    def _save_unheard(self, seconds: float) -> None:
        """Save and stop while the job is still this attempt's: the store does not answer, and others may take it for dead."""
        logger.warning("the store has not answered for long; the work saves and stops")
        self._ask_to_stop("shutdown", seconds)

    def _ask_to_stop(self, word: str, seconds: float) -> None:
        self._told_to_stop = True
        self._deadline = time.monotonic() + seconds
        (self._attempt / "control").write_text(word, encoding="ascii")

    def _kill(self, because: str) -> None:
        if not self._killed_because:
            self._killed_because = because
        sweep([self._job.id], self._folder.host)

    def _tell_progress(self) -> None:
        progress = read_json(self._attempt / "progress.json")
        if progress is not None and progress != self._last_progress:
            self._store.set_progress(self._job.id, self._job.attempt, progress)
            self._last_progress = progress

    def _sample(self, process: int) -> None:
        used = usage(process)
        line = {"at": time.time(), "memory_mib": round(used.memory_mib, 1), "cpu_seconds": round(used.cpu_seconds, 2)}
        try:
            with (self._attempt / "system.jsonl").open("a", encoding="ascii") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:  # a full disk must not end the work that may free it
            logger.warning("cannot write a sample of memory and processor time: %s", error)


def _pump(source: IO[bytes], log: LogWriter) -> None:
    """Write what comes out of the work into the log, until the last process that could write is gone."""
    while chunk := os.read(source.fileno(), 65536):
        try:
            log.write(chunk)
        except OSError as error:  # a full disk: the work must not stop because nobody reads its pipe
            logger.warning("lines of the log are lost: %s", error)


def _ignoring_storage(call: Callable[[], object]) -> object:
    """Return what `call` returns; true when the store does not answer just now: the work goes on, and is told later."""
    try:
        return call()
    except StorageError as error:
        logger.warning("%s", error)
        return True


def _until_stored(call: Callable[[], object]) -> None:
    """Try until the disk or the store takes it, but not for ever: the locks and the next server tell the rest."""
    end, pause = time.monotonic() + PATIENCE_SECONDS, 0.2
    while True:
        try:
            call()
        except (StorageError, OSError) as error:
            if time.monotonic() > end:
                logger.error("gave up: %s", error)
                return
            time.sleep(pause)
            pause = min(2 * pause, 10.0)
        else:
            return


def _secrets(environment: Mapping[str, str]) -> list[bytes]:
    """Return the tokens that the work can read, so that they can be kept out of the log."""
    path = environment.get("HF_TOKEN_PATH")
    return [Path(path).read_bytes().strip()] if path and Path(path).is_file() else []
