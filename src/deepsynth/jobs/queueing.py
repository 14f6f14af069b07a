"""The queue: its order, and who may start."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from deepsynth.core.errors import InputError
from deepsynth.jobs.database import Database, Transaction
from deepsynth.jobs.job import IllegalMoveError, Job, JobStatus
from deepsynth.jobs.moving import move
from deepsynth.jobs.rows import CLOCK_SECONDS, SELECT_JOBS, append_event, job_from_row, read_job

_WAITING = SELECT_JOBS + " WHERE status = ? ORDER BY rank, number"
_QUEUED = (str(JobStatus.QUEUED),)


class Queue:
    """The waiting jobs of a store, as `StateManager.queue`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> list[Job]:
        """Return the waiting jobs in the order in which they will start."""
        return [job_from_row(row) for row in self._database.read(_WAITING, _QUEUED)]

    def reorder(self, order: Sequence[str]) -> list[Job]:
        """Put the named waiting jobs first, in this order, and return the queue.

        Raises:
            InputError: a job is named twice.
            IllegalMoveError: one of them does not wait.
            UnknownJobError: no job has one of these ids.
        """
        twice = next((job_id for job_id in order if order.count(job_id) > 1), None)
        if twice is not None:
            raise InputError(f"job {twice} stands twice in the order; name each job once", field="order")
        with self._database.write() as transaction:
            first = int(transaction.run("SELECT COALESCE(MIN(rank), 0) AS first FROM jobs")[0]["first"])
            for place, job_id in enumerate(order):
                job = read_job(transaction, job_id)
                if job.status is not JobStatus.QUEUED:
                    raise IllegalMoveError(f"job {job_id} is {job.status}; only waiting jobs have a place in the queue")
                transaction.run("UPDATE jobs SET rank = ? WHERE id = ?", (first - len(order) + place, job_id))
                append_event(transaction, job, what="order")
        return self.waiting()

    def start_next(self, capacity: Mapping[str, int], host: str = "") -> Job | None:
        """Move the first waiting job that fits to `starting` with its leases; none when nothing waits or fits.

        Args:
            capacity: how many of each resource the machine has, for example `{"cpu": 1, "gpu": 2}`.
            host: the machine's name, where several share the store; its leases are its own, the order of the queue is not.
        """
        if not self._database.read("SELECT id FROM jobs WHERE status = ? LIMIT 1", _QUEUED):
            return None  # the common case, and reading takes no lock
        with self._database.write() as transaction:
            held = {row["resource"] for row in transaction.run("SELECT resource FROM leases WHERE host = ?", (host,))}
            jobs = [job_from_row(row) for row in transaction.run(f"{_WAITING} LIMIT 200", _QUEUED)]
            found = choose_leases(jobs, capacity, held)
            return None if found is None else _start(transaction, *found, host)

    def claim(self, job_id: str, host: str = "") -> Job:
        """Move this waiting job to `starting` without a lease: somebody else's scheduler has found room for it.

        Raises:
            IllegalMoveError: it does not wait.
        """
        with self._database.write() as transaction:
            return _start(transaction, read_job(transaction, job_id), (), host)

    def leases(self, host: str = "") -> dict[str, str]:
        """Return which job holds which resource of a machine."""
        rows = self._database.read("SELECT resource, job_id FROM leases WHERE host = ? ORDER BY resource", (host,))
        return {row["resource"]: row["job_id"] for row in rows}


def _start(transaction: Transaction, job: Job, leases: Sequence[str], host: str) -> Job:
    transaction.run(f"UPDATE jobs SET host = ?, heard_at = {CLOCK_SECONDS} WHERE id = ?", (host, job.id))
    move(transaction, job, JobStatus.STARTING, "")
    for resource in leases:
        transaction.run("INSERT INTO leases (host, resource, job_id) VALUES (?, ?, ?)", (host, resource, job.id))
    return read_job(transaction, job.id)


def choose_leases(
    waiting: Sequence[Job], capacity: Mapping[str, int], held: Collection[str]
) -> tuple[Job, list[str]] | None:
    """Return the job to start next and the resources that it gets, or none.

    It is the first whose needs are free. A job that does not fit reserves what is free of its needs, so that smaller ones
    behind it cannot starve it. One that this machine could never hold waits for another machine, and holds up nobody here.

    Args:
        waiting: jobs in the order of the queue.
        capacity: how many of each resource there are.
        held: what others hold, for example `gpu:0`.
    """
    free = {
        kind: [name for number in range(count) if (name := f"{kind}:{number}") not in held]
        for kind, count in capacity.items()
    }
    for job in waiting:
        wanted: dict[str, int] = asdict(job.needs)
        if all(len(free.get(kind, ())) >= count for kind, count in wanted.items()):
            return job, [name for kind, count in wanted.items() for name in free.get(kind, [])[:count]]
        if any(capacity.get(kind, 0) < count for kind, count in wanted.items()):
            continue
        for kind, count in wanted.items():
            free[kind] = free.get(kind, [])[count:]
    return None
