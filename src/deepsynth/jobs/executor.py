"""Where attempts run. One seam: start an attempt, tell which attempts have ended and how, stop what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

from deepsynth.core.registry import Registry
from deepsynth.jobs.folder import ExitRecord, JobFolder
from deepsynth.jobs.job import Job, JobStatus
from deepsynth.jobs.place import Place
from deepsynth.jobs.processes import sweep
from deepsynth.jobs.secrets import NEVER_PASSED_ON, TokenFiles

LOCKS = "DEEPSYNTH_JOB_LOCKS"
"""Environment variable with the descriptors of the two locks that a runner takes over: alive, runner."""
ATTEMPT = "DEEPSYNTH_JOB_ATTEMPT"
"""Environment variable with the attempt of a runner that takes the locks itself, because it starts on another machine."""
LOST = "its runner was killed or the machine went away"


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What an executor may use; each takes what concerns it."""

    gpus: int = 0
    """Accelerators that jobs may hold at once."""
    tokens: TokenFiles = field(default_factory=TokenFiles)
    """Tokens that lie in this machine's memory."""
    address: str = ""
    """Of the server of a cluster."""


class Executor(Protocol):
    """Runs attempts somewhere: on this machine, or on others."""

    elsewhere: ClassVar[bool]
    """Attempts run on other machines: this one's accelerators are not theirs, and tokens in its memory do not reach them."""
    tick_seconds: ClassVar[float]
    """Seconds between two looks at the attempts."""

    @classmethod
    def make(cls, place: Place, means: Means) -> Self:
        """Return one over a state folder."""
        ...

    def folder(self, job_id: str) -> JobFolder:
        """Return the folder in which a job's settings, log and outcome lie; the application reads them there."""
        ...

    def start(self, job: Job) -> ExitRecord | None:
        """Start the runner of an attempt that the store calls `starting`; return a record only when it cannot start."""
        ...

    def ended(self, jobs: Sequence[Job]) -> list[tuple[Job, ExitRecord]]:
        """Return those of the active jobs of which nothing is alive any more, each with how it ended."""
        ...

    def record_of_silent(self, job: Job) -> ExitRecord:
        """Return how an attempt on another machine ended, when nothing was heard of it for the length of its lease."""
        ...


executors: Registry[type[Executor]] = Registry("deepsynth.executors")
"""Every executor by name; third parties add theirs through the entry-point group of the same name."""


class FolderExecutor:
    """What those executors have in common whose attempts are runners over one state folder."""

    elsewhere: ClassVar[bool] = False
    tick_seconds: ClassVar[float] = 0.5

    def __init__(self, place: Place) -> None:
        """Keep the place."""
        self.place = place

    def folder(self, job_id: str) -> JobFolder:
        """Return the folder of a job."""
        return JobFolder(self.place.jobs, job_id, self.place.host)

    def command(self, job: Job) -> list[str]:
        """Return what is started for an attempt: `deepsynth jobs run ID`; whatever stands before it must not detach it."""
        return [sys.executable, "-m", "deepsynth", "jobs", "run", job.id]

    def record_of_silent(self, job: Job) -> ExitRecord:
        """Believe its exit record, when the shared folder has one; it was interrupted otherwise."""
        return record_of(
            self.folder(job.id), job.attempt, f"nothing was heard of its machine, {job.host}, for too long"
        )

    def record_without_folder(self, job: Job) -> ExitRecord | None:
        """Return how an attempt ends whose folder is gone, though the store knows the job; none where the folder is there."""
        folder = self.folder(job.id).path
        if (folder / "spec.json").is_file():
            return None
        return ExitRecord(status=JobStatus.FAILED, reason=f"its folder {folder} is gone; create the job again")


class LocalExecutor(FolderExecutor):
    """Runs attempts on this machine, each in a runner process that does not end with this one."""

    def __init__(self, place: Place, *, gpus: int = 0, tokens: TokenFiles | None = None) -> None:
        """`gpus`: accelerators of this machine."""
        super().__init__(place)
        self._gpus, self._tokens = gpus, tokens or TokenFiles()
        self._runners: list[subprocess.Popen[bytes]] = []

    @classmethod
    def make(cls, place: Place, means: Means) -> Self:
        """Return one for this machine."""
        return cls(place, gpus=means.gpus, tokens=means.tokens)

    def start(self, job: Job) -> ExitRecord | None:
        """Take the job's locks and hand them to a new runner."""
        folder = self.folder(job.id)
        if (gone := self.record_without_folder(job)) is not None:
            return gone
        if not take_locks(folder):
            reason = "a process of an earlier attempt is still alive and cannot be ended; see the driver or the disk"
            return ExitRecord(status=JobStatus.INTERRUPTED, reason=reason, mark=folder.mark(job.attempt))
        try:
            self._runners.append(self._spawn(folder, job))
        finally:
            folder.alive.let_go()
            folder.runner.let_go()
        return None

    def ended(self, jobs: Sequence[Job]) -> list[tuple[Job, ExitRecord]]:
        """Look at the locks; what a dead runner left alive is killed first."""
        self._runners = [process for process in self._runners if process.poll() is None]
        gone = [job for job in jobs if not self.folder(job.id).runner.is_held()]
        orphaned = [job.id for job in gone if self.folder(job.id).alive.is_held()]
        sweep(orphaned, self.place.host)
        return [
            (job, self._record(job)) for job in gone if not (job.id in orphaned and self.folder(job.id).alive.is_held())
        ]

    def _record(self, job: Job) -> ExitRecord:
        self._tokens.remove(job.id, job.attempt)
        return record_of(self.folder(job.id), job.attempt, LOST)

    def _spawn(self, folder: JobFolder, job: Job) -> subprocess.Popen[bytes]:
        alive, runner = folder.alive.descriptor, folder.runner.descriptor
        assert alive is not None and runner is not None
        with (folder.path / "runner.log").open("ab") as errors:
            return subprocess.Popen(
                self.command(job),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=self._environment(job) | {LOCKS: f"{alive},{runner}"},
                start_new_session=True,
                pass_fds=[alive, runner],
            )

    def _environment(self, job: Job) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in NEVER_PASSED_ON}
        environment |= self.place.environment()
        if self._gpus:
            held = (name.partition(":") for name in job.leases)
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(number for kind, _, number in held if kind == "gpu")
        token = self._tokens.path_if_there(job.id, job.attempt)
        if token is not None:
            environment["HF_TOKEN_PATH"] = str(token)
        return environment


executors.register("local")(LocalExecutor)


def record_of(folder: JobFolder, attempt: int, lost: str) -> ExitRecord:
    """Return the exit record of an attempt that is over; without one it was interrupted, because of `lost`."""
    known = folder.read_exit(attempt)
    if known is not None:
        return known
    mark = folder.mark(attempt) if (folder.path / "spec.json").is_file() else -1
    return ExitRecord(status=JobStatus.INTERRUPTED, reason=lost, mark=mark)


def take_locks(folder: JobFolder, *, seconds: float = 2.0) -> bool:
    """Take both locks of a job, after ending what an earlier attempt may have left; tell whether that worked."""
    end = time.monotonic() + seconds
    while True:
        if folder.alive.is_held() and not folder.runner.is_held():
            sweep([folder.job_id], folder.host)
        if folder.runner.acquire():
            if folder.alive.acquire():
                return True
            folder.runner.let_go()
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
