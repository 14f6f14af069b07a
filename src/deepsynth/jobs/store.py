"""Where jobs are kept. Each move is a compare-and-swap that also appends an event, in one transaction.

Of two racers one wins and the other is told so; nothing is ever half-moved. A report carries the attempt that it comes from,
and the store refuses one of an attempt that is over, so that a late runner can do no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepsynth.jobs.database import Transaction
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import (
    ACTIVE,
    DELETABLE,
    GRACE_SECONDS,
    REQUESTS,
    IllegalMoveError,
    Job,
    JobStatus,
    Needs,
    new_job_id,
)
from deepsynth.jobs.moving import check_attempt, move, settle
from deepsynth.jobs.opening import open_database
from deepsynth.jobs.queueing import Queue
from deepsynth.jobs.rows import (
    CLOCK_SECONDS,
    SELECT_JOBS,
    append_event,
    job_from_row,
    now,
    one_of,
    read_job,
    unknown_job,
    where,
)
from deepsynth.jobs.sharing import Machines


class StateManager:
    """Creates, lists, moves and deletes jobs; safe for several processes and threads at once."""

    def __init__(self, place: Path | str) -> None:
        """Open or create the store in a folder, or at a `postgresql://` URL, and bring its schema up to date.

        Raises:
            StorageError: it was written by a newer DeepSynth, or lies where locks do not hold.
        """
        self.database = open_database(place)
        self.queue = Queue(self.database)
        self.machines = Machines(self.database)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def create_job(
        self,
        kind: str,
        config: Mapping[str, Any],
        *,
        job_id: str | None = None,
        name: str = "",
        output: str = "",
        parent: str = "",
        needs: Needs | None = None,
        grace_seconds: float = GRACE_SECONDS,
        idempotency_key: str | None = None,
        request_hash: str = "",
    ) -> Job:
        """Queue a job; the same `idempotency_key` returns the job that it made before.

        Raises:
            IllegalMoveError: the key was used for another request (another `request_hash`).
        """
        with self.database.write() as transaction:
            known = _made_before(transaction, idempotency_key, request_hash)
            if known is not None:
                return known
            identity, time = job_id or new_job_id(), now()
            highest = "SELECT COALESCE(MAX(number), 0) AS number, COALESCE(MAX(rank), 0) AS rank FROM jobs"
            (last,) = transaction.run(highest)
            transaction.run(
                "INSERT INTO jobs (id, kind, status, attempt, config, created_at, updated_at, idempotency_key, number, rank,"
                " name, output, parent, needs, grace_seconds, request_hash)"
                " VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(identity, kind, str(JobStatus.QUEUED), json.dumps(dict(config)), time, time, idempotency_key),
                    *(last["number"] + 1, last["rank"] + 1, name, output, parent),
                    *(json.dumps(asdict(needs or Needs())), grace_seconds, request_hash),
                ),
            )
            job = read_job(transaction, identity)
            append_event(transaction, job)
            return job

    def get_job(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            UnknownJobError: no job has this id.
        """
        rows = self.database.read(SELECT_JOBS + " WHERE jobs.id = ?", (job_id,))
        if not rows:
            raise unknown_job(job_id)
        return job_from_row(rows[0])

    def list_jobs(
        self,
        *,
        kinds: Sequence[str] = (),
        statuses: Iterable[JobStatus] = (),
        limit: int | None = None,
        before: int | None = None,
    ) -> list[Job]:
        """Return jobs, newest first: of these kinds and states, at most `limit`, with a number below `before`."""
        conditions, values = one_of(kinds, statuses)
        if before is not None:
            conditions, values = [*conditions, "number < ?"], [*values, before]
        sql = (
            SELECT_JOBS
            + where(conditions)
            + " ORDER BY number DESC"
            + ("" if limit is None else f" LIMIT {int(limit)}")
        )
        return [job_from_row(row) for row in self.database.read(sql, values)]

    def count_jobs(self, *, kinds: Sequence[str] = (), statuses: Iterable[JobStatus] = ()) -> int:
        """Return how many jobs there are of these kinds and states."""
        conditions, values = one_of(kinds, statuses)
        return int(self.database.read("SELECT COUNT(*) AS n FROM jobs" + where(conditions), values)[0]["n"])

    def count_by_kind_and_status(self) -> dict[tuple[str, JobStatus], int]:
        """Return how many jobs there are of each kind in each state; what has none is left out."""
        rows = self.database.read("SELECT kind, status, COUNT(*) AS n FROM jobs GROUP BY kind, status")
        return {(row["kind"], JobStatus(row["status"])): int(row["n"]) for row in rows}

    def rename(self, job_id: str, name: str) -> Job:
        """Give the job another name."""
        with self.database.write() as transaction:
            transaction.run("UPDATE jobs SET name = ? WHERE id = ?", (name, job_id))
            job = read_job(transaction, job_id)
            append_event(transaction, job, what="name")
            return job

    def move_job(
        self, job_id: str, target: JobStatus, *, attempt: int | None = None, reason: str = "", result: str = ""
    ) -> Job:
        """Move a job to `target` in one transaction; back to `queued` begins the next attempt.

        Args:
            job_id: the job.
            target: the state to reach.
            attempt: the attempt that asks; a runner passes its own, so that a late one of an older attempt is refused.
            reason: why, in words.
            result: what it would print, when it has succeeded.

        Raises:
            IllegalMoveError: the table of moves has no such move, or `attempt` is not the current one.
            UnknownJobError: no job has this id.
        """
        with self.database.write() as transaction:
            job = read_job(transaction, job_id)
            check_attempt(job, attempt)
            return move(transaction, job, target, reason, result)

    def request(self, job_id: str, action: str, *, save: bool = True) -> Job:
        """Do what a person asks for (`pause`, `resume` or `cancel`); asking again changes nothing.

        Raises:
            IllegalMoveError: it is not possible in this state; names the state.
            UnknownJobError: no job has this id.
        """
        with self.database.write() as transaction:
            job = read_job(transaction, job_id)
            target = REQUESTS[action].get(job.status)
            if target is None:
                allowed = ", ".join(sorted(REQUESTS[action]))
                raise IllegalMoveError(f"job {job_id} is {job.status}; {action} is possible when it is {allowed}")
            if action == "cancel":
                transaction.run("UPDATE jobs SET save = ? WHERE id = ?", (int(save and job.save), job_id))
            if target is job.status:
                return read_job(transaction, job_id)
            if action == "resume":
                transaction.run("UPDATE jobs SET stalls = 0, save = 1 WHERE id = ?", (job_id,))
            return move(transaction, job, target, f"{action} was asked for")

    def set_progress(self, job_id: str, attempt: int, progress: Mapping[str, Any]) -> bool:
        """Note how far an attempt is; tell whether it is the current one and still at work."""
        return self._report(job_id, attempt, "progress = ?", json.dumps(dict(progress)))

    def beat(self, job_id: str, attempt: int) -> bool:
        """Note that an attempt is alive; tell whether it is the current one and still at work."""
        return self._report(job_id, attempt, f"heard_at = {CLOCK_SECONDS}")

    def _report(self, job_id: str, attempt: int, change: str, *values: Any) -> bool:
        active, states = one_of(statuses=ACTIVE)
        sql = f"UPDATE jobs SET {change}{where(['id = ?', 'attempt = ?', *active])} RETURNING id"
        with self.database.write() as transaction:
            return bool(transaction.run(sql, (*values, job_id, attempt, *states)))

    def settle(self, ended: Iterable[tuple[Job, ExitRecord]]) -> list[Job]:
        """End attempts of which nothing is alive any more; an interrupted one goes back into the queue.

        An attempt that stopped because it was asked to (its record says `interrupted`) becomes paused or cancelled.

        Args:
            ended: jobs as they were seen, each with how its attempt ended. A job that has moved on since is left alone.

        Returns:
            The jobs as they stand now. After `MAX_STALLS` automatic resumes without progress a job stays interrupted.
        """
        settled: list[Job] = []
        with self.database.write() as transaction:
            for seen, record in ended:
                job = read_job(transaction, seen.id)
                if job.attempt == seen.attempt and job.status in ACTIVE:
                    settled.append(settle(transaction, job, record))
        return settled

    def delete_job(self, job_id: str, *, remove: Sequence[str] = ()) -> None:
        """Remove a job of which nothing is alive; its events stay as history.

        Args:
            job_id: the job.
            remove: folders to remove with it; they are noted in the same transaction, so that a crash forgets none of them
                (see `removals`).

        Raises:
            IllegalMoveError: the job is waiting or running: pause or cancel it first.
            UnknownJobError: no job has this id.
        """
        with self.database.write() as transaction:
            job = read_job(transaction, job_id)
            if job.status not in DELETABLE:
                raise IllegalMoveError(f"job {job_id} is {job.status}; pause or cancel it before deleting it")
            transaction.run("DELETE FROM jobs WHERE id = ?", (job_id,))
            for path in remove:
                transaction.run("INSERT INTO removals (path) VALUES (?) ON CONFLICT DO NOTHING", (path,))
            append_event(transaction, job, what="deleted")

    def removals(self) -> list[str]:
        """Return the folders that are to be removed."""
        return [row["path"] for row in self.database.read("SELECT path FROM removals ORDER BY path")]

    def removed(self, path: str) -> None:
        """Note that a folder is gone."""
        with self.database.write() as transaction:
            transaction.run("DELETE FROM removals WHERE path = ?", (path,))

    def events(self, after: int = 0, *, job_id: str | None = None, limit: int | None = None) -> list[Mapping[str, Any]]:
        """Return the moves with a sequence number above `after`, oldest first."""
        conditions, values = ["seq > ?"], [after]
        if job_id is not None:
            conditions, values = [*conditions, "job_id = ?"], [*values, job_id]
        sql = (
            "SELECT * FROM events"
            + where(conditions)
            + " ORDER BY seq"
            + ("" if limit is None else f" LIMIT {int(limit)}")
        )
        return [dict(row) for row in self.database.read(sql, values)]

    def last_event(self) -> int:
        """Return the sequence number of the newest event, 0 when there is none."""
        return int(self.database.read("SELECT COALESCE(MAX(seq), 0) AS last FROM events")[0]["last"])


def _made_before(transaction: Transaction, key: str | None, request_hash: str) -> Job | None:
    """Return the job that an idempotency key has made; none for a new key, or without one."""
    if key is None:
        return None
    rows = transaction.run("SELECT id, request_hash FROM jobs WHERE idempotency_key = ?", (key,))
    if rows and rows[0]["request_hash"] != request_hash:
        raise IllegalMoveError(f"this Idempotency-Key made job {rows[0]['id']} from another request; send a new key")
    return read_job(transaction, rows[0]["id"]) if rows else None
