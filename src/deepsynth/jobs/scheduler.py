"""The scheduler: finds out what has ended, starts what waits, removes what was deleted. One thread, one per machine.

It keeps nothing in memory that matters: whatever it was doing when it was killed, the next one reads the truth from the locks,
the exit records and the store.

Several machines may share a store. Each scheduler then judges by its own kernel's locks the jobs that its own machine runs, and
takes back those of other machines only when their lease is over (`deepsynth.jobs.lease`).
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deepsynth.core.errors import StorageError
from deepsynth.jobs.executor import Executor
from deepsynth.jobs.folder import Lock
from deepsynth.jobs.job import ACTIVE, IllegalMoveError, Job, JobStatus
from deepsynth.jobs.lease import RENEWALS
from deepsynth.jobs.place import LEASE_SECONDS
from deepsynth.jobs.store import StateManager

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5


class Scheduler:
    """Runs the queue of a store."""

    def __init__(
        self,
        store: StateManager,
        executor: Executor,
        capacity: Mapping[str, int],
        lock: Path,
        *,
        host: str = "",
        lease_seconds: float = LEASE_SECONDS,
        before_start: Callable[[Job], None] | None = None,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        """Make it; `start` sets it to work.

        Args:
            store: the jobs.
            executor: who runs them.
            capacity: how many of each resource there are, for example `{"cpu": 1, "gpu": 0}`.
            lock: file that only one scheduler holds.
            host: this machine's name, where several share the store.
            lease_seconds: how long an attempt of another machine may be silent before its job is taken back.
            before_start: called with each job just before its runner starts, for example to hand over a token.
            tick_seconds: how often it looks without being woken.
        """
        self.capacity = dict(capacity)
        self._store, self._executor, self._lock = store, executor, Lock(lock)
        self._host, self._lease_seconds = host, lease_seconds
        self._next_beat = 0.0
        self._before_start = before_start
        self._tick_seconds = tick_seconds
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_mine(self) -> bool:
        """Whether this process runs the queue; another one may hold it."""
        return self._lock.descriptor is not None

    @property
    def is_taken(self) -> bool:
        """Whether any process runs the queue, this one or another, of this machine or of another that shares the store."""
        return self.is_mine or self._lock.is_held() or bool(self.machines())

    @property
    def is_running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Begin, in a thread; tell whether the queue was free to take."""
        if not self._lock.acquire():
            return False
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()
        return True

    def wake(self) -> None:
        """Look at once: something has changed."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what runs goes on."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._host and self.is_mine:
            try:
                self._store.machines.leave(self._host)
            except StorageError as error:
                logger.warning("cannot say goodbye: %s", error)
        self._lock.let_go()

    def machines(self) -> dict[str, dict[str, int]]:
        """Return the machines that share the queue, each with what it has for jobs; none where nobody shares it."""
        return self._store.machines.heard_within(self._lease_seconds) if self._host else {}

    def most(self, resource: str) -> int:
        """Return how many of a resource the best-equipped machine has."""
        return max(capacity.get(resource, 0) for capacity in (self.capacity, *self.machines().values()))

    def tick(self) -> None:
        """Look once: settle, remove, start."""
        active = self._active()
        ended = self._executor.ended(active)
        if ended:
            self._store.settle(ended)
        if self._host and time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + self._lease_seconds / RENEWALS
            self._beat(active)
        for path in self._store.removals():
            shutil.rmtree(path, ignore_errors=True)
            if not Path(path).exists():
                self._store.removed(path)
        while not self._stop.is_set() and (job := self._store.queue.start_next(self.capacity, self._host)) is not None:
            self._start(job)

    def pause_all(self, *, poll_seconds: float = 0.2) -> list[Job]:
        """Ask this machine's active jobs to pause, wait for them, at most the longest grace, and return those left."""
        self._stop.set()
        asked = self._active()
        for job in asked:
            try:
                self._store.request(job.id, "pause")
            except IllegalMoveError:  # it is being cancelled, or has just ended
                continue
        end = time.monotonic() + max((job.grace_seconds for job in asked), default=0.0) + 5
        while (left := self._active()) and time.monotonic() < end:
            self._store.settle(self._executor.ended(left))
            time.sleep(poll_seconds)
        return left

    def _active(self) -> list[Job]:
        return [job for job in self._store.list_jobs(statuses=ACTIVE) if job.host == self._host]

    def _beat(self, active: list[Job]) -> None:
        """Speak for this machine, and for attempts whose runner is not up yet; take back what others let slip."""
        self._store.machines.greet(self._host, self.capacity)
        for job in active:
            if job.status is JobStatus.STARTING:
                self._store.beat(job.id, job.attempt)
        silent = self._store.machines.silent_jobs(self._host, self._lease_seconds)
        if silent:
            self._store.machines.settle_silent((job, self._executor.record_of_silent(job)) for job in silent)

    def _start(self, job: Job) -> None:
        if self._before_start is not None:
            self._before_start(job)
        refused = self._executor.start(job)
        if refused is not None:
            self._store.settle([(job, refused)])

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.tick()
            except (StorageError, OSError) as error:
                # a locked database or a full disk passes, and no state is wrong meanwhile
                logger.warning("the queue waits: %s", error)
            self._wake.wait(self._tick_seconds)
            self._wake.clear()
