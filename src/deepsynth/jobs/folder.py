"""The folder of a job: what it is to do, the locks that prove that it lives, its log, and how each attempt ended.

    spec.json                  kind and settings; what the work reads
    alive.lock runner.lock     held by the kernel for the job's processes, and for its runner; on a shared store each machine
                               has its own, `alive-<host>.lock`, because only the kernel that holds a lock knows of it
    log/                       what it printed, rotated
    attempt-<n>/progress.json  how far it is
    attempt-<n>/control        appears when it is to stop; holds `pause` or `cancel`
    attempt-<n>/outcome.json   what the work says of its end: a result, or an error by class and words
    attempt-<n>/exit.json      what its runner says of its end; the outcome survives a lost database
    attempt-<n>/system.jsonl   memory and processor time of its processes

Each file is whole or absent, apart from the log.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from deepsynth.core.errors import InputError
from deepsynth.core.files import MANIFEST, write_json
from deepsynth.jobs.job import JobStatus

JOB_ID = re.compile(r"[0-9a-f]{16}")
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExitRecord:
    """How an attempt ended."""

    status: JobStatus
    reason: str = ""
    result: str = ""
    mark: int = -1
    """See `JobFolder.mark`."""


class Lock:
    """A file that the kernel holds for whoever has the descriptor, and frees when the last of them ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: int | None = None

    def acquire(self) -> bool:
        """Take it without waiting; tell whether that worked."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self.descriptor = handle
        return True

    def adopt(self, descriptor: int) -> None:
        """Go on with a descriptor that was handed over, lock and all."""
        os.set_inheritable(descriptor, False)  # noqa: FBT003
        self.descriptor = descriptor

    def let_go(self) -> None:
        """Close this process's descriptor; others that hold it keep the lock."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def is_held(self) -> bool:
        """Tell whether any process holds it. The question itself disturbs nobody: it asks for a shared lock."""
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False


class JobFolder:
    """The files of one job."""

    def __init__(self, jobs: Path, job_id: str, host: str = "") -> None:
        """`jobs` is the folder of all jobs; `host` this machine's name, where several share it.

        Raises:
            InputError: this is not the id of a job.
        """
        if not JOB_ID.fullmatch(job_id):
            raise InputError(f"{job_id!r} is no job id: sixteen hexadecimal digits")
        self.job_id = job_id
        self.path = jobs / job_id
        self.host = host
        self.alive = Lock(self.path / lock_name("alive", host))
        self.runner = Lock(self.path / lock_name("runner", host))
        self.log = self.path / "log"

    def create(self, kind: str, config: Mapping[str, Any], output: str) -> None:
        """Write what the job is to do."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self.path / "spec.json", {"kind": kind, "config": dict(config), "output": output})

    def discard(self) -> None:
        """Remove the folder of a job that was not made after all."""
        shutil.rmtree(self.path)

    def spec(self) -> dict[str, Any]:
        """Return what the job is to do.

        Raises:
            InputError: there is none.
        """
        try:
            return json.loads((self.path / "spec.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"job {self.job_id} has no spec.json in {self.path}; delete it and create it again"
            ) from None

    def attempt(self, number: int) -> Path:
        """Return the folder of an attempt."""
        return self.path / f"attempt-{number}"

    def write_exit(self, attempt: int, record: ExitRecord) -> None:
        """Write how an attempt ended."""
        write_json(self.attempt(attempt) / "exit.json", asdict(record))

    def read_exit(self, attempt: int) -> ExitRecord | None:
        """Return how an attempt ended; none when nobody could write it down."""
        values = read_json(self.attempt(attempt) / "exit.json")
        if values is None:
            return None
        status = JobStatus(values.pop("status"))
        return ExitRecord(status=status, **values)

    def mark(self, attempt: int) -> int:
        """Return how far this job has got, in a number that only progress raises.

        For a run with checkpoints that is the step of the newest whole one, for other work the items done.
        """
        newest = newest_checkpoint(self.spec()["output"])
        if newest is not None:
            return checkpoint_step(newest) or 0
        return int((read_json(self.attempt(attempt) / "progress.json") or {}).get("done", -1))


def metrics_file(output: str) -> Path:
    """Return the file of metrics that a job with this output folder writes, if it writes any."""
    return Path(output) / "metrics.jsonl"


def checkpoint_step(folder: Path) -> int | None:
    """Return the step that a checkpoint's folder is named by; none for other folders."""
    found = _CHECKPOINT.fullmatch(folder.name)
    return int(found[1]) if found else None


def newest_checkpoint(output: str) -> Path | None:
    """Return the folder of the furthest checkpoint that is whole, below a job's output folder; none without any."""
    whole = Path(output).glob("checkpoint-*/" + MANIFEST) if output else ()
    by_step = {step: path.parent for path in whole if (step := checkpoint_step(path.parent)) is not None}
    return by_step[max(by_step)] if by_step else None


def lock_name(what: str, host: str) -> str:
    """Return the name of a lock file; one that another machine's kernel holds is never looked at."""
    return f"{what}-{host}.lock" if host else f"{what}.lock"


def json_lines(content: str | bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSON lines; a line that a crash cut short, or that holds something else, is left out."""
    for line in content.splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict):
            yield cast("dict[str, Any]", values)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object, or none when there is no such file or a crash cut it short."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
