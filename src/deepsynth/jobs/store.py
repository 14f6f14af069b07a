"""Where jobs are kept. Each move is a compare-and-swap that also appends an event, in one transaction.

Of two racers one wins and the other is told so; nothing is ever half-moved. A report carries the attempt that it comes from,
and the store refuses one of an attempt that is over, so that a late runner can do no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deepsynth.core.errors import InputError
from deepsynth.jobs.database import CLOCK, Database, SqliteDatabase, Transaction
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import (
    ACTIVE,
    DELETABLE,
    REQUESTS,
    IllegalMoveError,
    Job,
    JobStatus,
    Needs,
    UnknownJobError,
    check_move,
    new_job_id,
)
from deepsynth.jobs.queueing import choose_leases

MAX_STALLS = 3
"""Automatic resumes in a row in which a job gets no further, before it stays interrupted."""
_ASKED = {JobStatus.PAUSING: JobStatus.PAUSED, JobStatus.CANCELLING: JobStatus.CANCELLED}
_NOW = f"CAST({CLOCK} AS BIGINT)"
_ENDS = frozenset(JobStatus) - ACTIVE - {JobStatus.QUEUED}


def now() -> str:
    """Return the time as the store writes it: ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def open_database(place: Path | str) -> Database:
    """Return the database at a folder (SQLite) or a `postgresql://` URL."""
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://")):
        from deepsynth.jobs.postgres import PostgresDatabase

        return PostgresDatabase(place)
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SqliteDatabase(folder / "jobs.sqlite")


class StateManager:
    """Creates, lists, moves and deletes jobs; safe for several processes and threads at once."""

    def __init__(self, place: Path | str) -> None:
        """Open or create the store in a folder, or at a `postgresql://` URL, and bring its schema up to date.

        Raises:
            StorageError: it was written by a newer DeepSynth, or lies where locks do not hold.
        """
        self.database = open_database(place)

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
        grace_seconds: float = 120.0,
        idempotency_key: str | None = None,
        request_hash: str = "",
    ) -> Job:
        """Queue a job; the same `idempotency_key` returns the job that it made before.

        Raises:
            IllegalMoveError: the key was used for another request (another `request_hash`).
        """
        with self.database.write() as transaction:
            known = transaction.run("SELECT * FROM jobs WHERE idempotency_key = ?", (idempotency_key,))
            if idempotency_key is not None and known:
                if known[0]["request_hash"] != request_hash:
                    raise IllegalMoveError(f"this Idempotency-Key made job {known[0]['id']} from another request")
                return _job(transaction, known[0])
            identity, time = job_id or new_job_id(), now()
            row = transaction.run("SELECT COALESCE(MAX(number), 0) AS last, COALESCE(MAX(rank), 0) AS rank FROM jobs")[
                0
            ]
            transaction.run(
                "INSERT INTO jobs (id, kind, status, attempt, config, created_at, updated_at, idempotency_key, number, rank,"
                " name, output, parent, needs, grace_seconds, request_hash)"
                " VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(identity, kind, str(JobStatus.QUEUED), json.dumps(dict(config)), time, time, idempotency_key),
                    *(row["last"] + 1, row["rank"] + 1, name, output, parent),
                    *(json.dumps(asdict(needs or Needs())), grace_seconds, request_hash),
                ),
            )
            job = _get(transaction, identity)
            _append_event(transaction, job)
            return job

    def get_job(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            UnknownJobError: no job has this id.
        """
        rows = self.database.read(_SELECT + " WHERE jobs.id = ?", (job_id,))
        if not rows:
            raise UnknownJobError(f"no job {job_id!r}; list them to see the known ones")
        return _from_row(rows[0])

    def list_jobs(
        self,
        *,
        kinds: Sequence[str] = (),
        statuses: Iterable[JobStatus] = (),
        limit: int | None = None,
        before: int | None = None,
    ) -> list[Job]:
        """Return jobs, newest first: of these kinds and states, at most `limit`, with a number below `before`."""
        where, values = _filter(kinds, statuses)
        if before is not None:
            where, values = [*where, "number < ?"], [*values, before]
        sql = _SELECT + _where(where) + " ORDER BY number DESC" + ("" if limit is None else f" LIMIT {int(limit)}")
        return [_from_row(row) for row in self.database.read(sql, values)]

    def count_jobs(self, *, kinds: Sequence[str] = (), statuses: Iterable[JobStatus] = ()) -> int:
        """Return how many jobs there are of these kinds and states."""
        where, values = _filter(kinds, statuses)
        return int(self.database.read("SELECT COUNT(*) AS n FROM jobs" + _where(where), values)[0]["n"])

    def count_by_kind_and_status(self) -> dict[tuple[str, JobStatus], int]:
        """Return how many jobs there are of each kind in each state; what has none is left out."""
        rows = self.database.read("SELECT kind, status, COUNT(*) AS n FROM jobs GROUP BY kind, status")
        return {(row["kind"], JobStatus(row["status"])): int(row["n"]) for row in rows}

    def queue(self) -> list[Job]:
        """Return the waiting jobs in the order in which they will start."""
        sql = _SELECT + " WHERE status = ? ORDER BY rank, number"
        return [_from_row(row) for row in self.database.read(sql, (str(JobStatus.QUEUED),))]

    def reorder(self, order: Sequence[str]) -> list[Job]:
        """Put the named waiting jobs first, in this order, and return the queue.

        Raises:
            IllegalMoveError: one of them does not wait.
            UnknownJobError: no job has one of these ids.
        """
        if len(set(order)) != len(order):
            raise InputError("a job stands twice in the order", field="order")
        with self.database.write() as transaction:
            first = int(transaction.run("SELECT COALESCE(MIN(rank), 0) AS first FROM jobs")[0]["first"])
            for place, job_id in enumerate(order):
                job = _get(transaction, job_id)
                if job.status is not JobStatus.QUEUED:
                    raise IllegalMoveError(f"job {job_id} is {job.status}; only waiting jobs have a place in the queue")
                transaction.run("UPDATE jobs SET rank = ? WHERE id = ?", (first - len(order) + place, job_id))
                _append_event(transaction, job, what="order")
        return self.queue()

    def rename(self, job_id: str, name: str) -> Job:
        """Give the job another name."""
        with self.database.write() as transaction:
            transaction.run("UPDATE jobs SET name = ? WHERE id = ?", (name, job_id))
            job = _get(transaction, job_id)
            _append_event(transaction, job, what="name")
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
            job = _get(transaction, job_id)
            _check_attempt(job, attempt)
            return _move(transaction, job, target, reason, result)

    def request(self, job_id: str, action: str, *, save: bool = True) -> Job:
        """Do what a person asks for (`pause`, `resume` or `cancel`); asking again changes nothing.

        Raises:
            IllegalMoveError: it is not possible in this state; names the state.
            UnknownJobError: no job has this id.
        """
        with self.database.write() as transaction:
            job = _get(transaction, job_id)
            target = REQUESTS[action].get(job.status)
            if target is None:
                allowed = ", ".join(sorted(REQUESTS[action]))
                raise IllegalMoveError(f"job {job_id} is {job.status}; {action} is possible when it is {allowed}")
            if action == "cancel":
                transaction.run("UPDATE jobs SET save = ? WHERE id = ?", (int(save and job.save), job_id))
            if target is job.status:
                return _get(transaction, job_id)
            if action == "resume":
                transaction.run("UPDATE jobs SET stalls = 0, save = 1 WHERE id = ?", (job_id,))
            return _move(transaction, job, target, f"{action} was asked for")

    def start_next(self, capacity: Mapping[str, int], host: str = "") -> Job | None:
        """Move the first waiting job that fits to `starting` with its leases; none when nothing waits or fits.

        Args:
            capacity: how many of each resource the machine has, for example `{"cpu": 1, "gpu": 2}`.
            host: the machine's name, where several share the store; its leases are its own, the order of the queue is not.
        """
        waiting = _SELECT + " WHERE status = ? ORDER BY rank, number LIMIT 200"
        if not self.database.read("SELECT id FROM jobs WHERE status = ? LIMIT 1", (str(JobStatus.QUEUED),)):
            return None
        with self.database.write() as transaction:
            held = {row["resource"] for row in transaction.run("SELECT resource FROM leases WHERE host = ?", (host,))}
            jobs = [_from_row(row) for row in transaction.run(waiting, (str(JobStatus.QUEUED),))]
            found = choose_leases(jobs, capacity, held)
            if found is None:
                return None
            job, leases = found
            return self._start(transaction, job, leases, host)

    def claim(self, job_id: str, host: str = "") -> Job:
        """Move this waiting job to `starting` without a lease: somebody else's scheduler has found room for it.

        Raises:
            IllegalMoveError: it does not wait.
        """
        with self.database.write() as transaction:
            return self._start(transaction, _get(transaction, job_id), (), host)

    def _start(self, transaction: Transaction, job: Job, leases: Sequence[str], host: str) -> Job:
        transaction.run(f"UPDATE jobs SET host = ?, heard_at = {_NOW} WHERE id = ?", (host, job.id))
        started = _move(transaction, job, JobStatus.STARTING, "")
        for resource in leases:
            transaction.run("INSERT INTO leases (host, resource, job_id) VALUES (?, ?, ?)", (host, resource, job.id))
        return _get(transaction, started.id)

    def set_progress(self, job_id: str, attempt: int, progress: Mapping[str, Any]) -> bool:
        """Note how far an attempt is; tell whether it is the current one and still at work."""
        marks = ", ".join("?" * len(ACTIVE))
        with self.database.write() as transaction:
            rows = transaction.run(
                f"UPDATE jobs SET progress = ? WHERE id = ? AND attempt = ? AND status IN ({marks}) RETURNING id",
                (json.dumps(dict(progress)), job_id, attempt, *map(str, sorted(ACTIVE))),
            )
        return bool(rows)

    def beat(self, job_id: str, attempt: int) -> bool:
        """Note that an attempt is alive; tell whether it is the current one and still at work."""
        marks = ", ".join("?" * len(ACTIVE))
        with self.database.write() as transaction:
            rows = transaction.run(
                f"UPDATE jobs SET heard_at = {_NOW} WHERE id = ? AND attempt = ? AND status IN ({marks}) RETURNING id",
                (job_id, attempt, *map(str, sorted(ACTIVE))),
            )
        return bool(rows)

    def silent_jobs(self, host: str, seconds: float) -> list[Job]:
        """Return the active jobs of other machines than `host` that were not heard of for so long."""
        where, values = _filter((), ACTIVE)
        where += ["host <> ?", f"heard_at < {_NOW} - CAST(? AS BIGINT)"]
        rows = self.database.read(_SELECT + _where(where) + " ORDER BY number", (*values, host, int(seconds)))
        return [_from_row(row) for row in rows]

    def settle_silent(self, ended: Iterable[tuple[Job, ExitRecord]]) -> list[Job]:
        """End attempts that were not heard of, unless one has been heard of since; otherwise as `settle`."""
        settled: list[Job] = []
        with self.database.write() as transaction:
            for seen, record in ended:
                job = _get(transaction, seen.id)
                if (job.attempt, job.heard_at) == (seen.attempt, seen.heard_at) and job.status in ACTIVE:
                    settled.append(_settle(transaction, job, record))
        return settled

    def greet(self, host: str, capacity: Mapping[str, int]) -> None:
        """Note that a machine runs the queue, and what it has for jobs."""
        with self.database.write() as transaction:
            transaction.run(
                f"INSERT INTO hosts (name, capacity, heard_at) VALUES (?, ?, {_NOW}) ON CONFLICT (name)"
                " DO UPDATE SET capacity = EXCLUDED.capacity, heard_at = EXCLUDED.heard_at",
                (host, json.dumps(dict(capacity))),
            )

    def leave(self, host: str) -> None:
        """Note that a machine runs the queue no more."""
        with self.database.write() as transaction:
            transaction.run("DELETE FROM hosts WHERE name = ?", (host,))

    def hosts(self, seconds: float) -> dict[str, dict[str, int]]:
        """Return the machines that were heard of within so many seconds, each with what it has for jobs."""
        sql = f"SELECT name, capacity FROM hosts WHERE heard_at >= {_NOW} - CAST(? AS BIGINT) ORDER BY name"
        return {row["name"]: json.loads(row["capacity"]) for row in self.database.read(sql, (int(seconds),))}

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
                job = _get(transaction, seen.id)
                if job.attempt == seen.attempt and job.status in ACTIVE:
                    settled.append(_settle(transaction, job, record))
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
            job = _get(transaction, job_id)
            if job.status not in DELETABLE:
                raise IllegalMoveError(f"job {job_id} is {job.status}; pause or cancel it before deleting it")
            transaction.run("DELETE FROM jobs WHERE id = ?", (job_id,))
            for path in remove:
                transaction.run("INSERT INTO removals (path) VALUES (?) ON CONFLICT DO NOTHING", (path,))
            _append_event(transaction, job, what="deleted")

    def removals(self) -> list[str]:
        """Return the folders that are to be removed."""
        return [row["path"] for row in self.database.read("SELECT path FROM removals ORDER BY path")]

    def removed(self, path: str) -> None:
        """Note that a folder is gone."""
        with self.database.write() as transaction:
            transaction.run("DELETE FROM removals WHERE path = ?", (path,))

    def leases(self, host: str = "") -> dict[str, str]:
        """Return which job holds which resource of a machine."""
        rows = self.database.read("SELECT resource, job_id FROM leases WHERE host = ? ORDER BY resource", (host,))
        return {row["resource"]: row["job_id"] for row in rows}

    def events(self, after: int = 0, *, job_id: str | None = None, limit: int | None = None) -> list[Mapping[str, Any]]:
        """Return the moves with a sequence number above `after`, oldest first."""
        where, values = ["seq > ?"], [after]
        if job_id is not None:
            where, values = [*where, "job_id = ?"], [*values, job_id]
        sql = (
            "SELECT * FROM events" + _where(where) + " ORDER BY seq" + ("" if limit is None else f" LIMIT {int(limit)}")
        )
        return [dict(row) for row in self.database.read(sql, values)]

    def last_event(self) -> int:
        """Return the sequence number of the newest event, 0 when there is none."""
        return int(self.database.read("SELECT COALESCE(MAX(seq), 0) AS last FROM events")[0]["last"])


_SELECT = (
    "SELECT jobs.*, (SELECT GROUP_CONCAT(resource, ' ') FROM leases WHERE leases.job_id = jobs.id) AS leases FROM jobs"
)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _filter(kinds: Sequence[str], statuses: Iterable[JobStatus]) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    for column, wanted in (("kind", list(kinds)), ("status", [str(status) for status in statuses])):
        if wanted:
            where.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    return where, values


def _get(transaction: Transaction, job_id: str) -> Job:
    rows = transaction.run(_SELECT + " WHERE jobs.id = ?", (job_id,))
    if not rows:
        raise UnknownJobError(f"no job {job_id!r}; list them to see the known ones")
    return _from_row(rows[0])


def _job(transaction: Transaction, row: Mapping[str, Any]) -> Job:
    return _get(transaction, row["id"])


def _check_attempt(job: Job, attempt: int | None) -> None:
    if attempt is not None and attempt != job.attempt:
        raise IllegalMoveError(f"job {job.id} is at attempt {job.attempt}; attempt {attempt} is over")


def _move(transaction: Transaction, job: Job, target: JobStatus, reason: str, result: str = "") -> Job:
    check_move(job, target)
    time, queued = max(now(), _just_after(job.updated_at)), target is JobStatus.QUEUED
    transaction.run(
        "UPDATE jobs SET status = ?, attempt = ?, updated_at = ?, reason = ?, result = ?, started_at = ?, ended_at = ?"
        " WHERE id = ?",
        (
            *(str(target), job.attempt + queued, time, reason, result),
            time if target is JobStatus.STARTING else "" if queued else job.started_at,
            time if target in _ENDS else "",
            job.id,
        ),
    )
    if target not in ACTIVE:
        transaction.run("DELETE FROM leases WHERE job_id = ?", (job.id,))
    moved = _get(transaction, job.id)
    _append_event(transaction, moved)
    return moved


def _just_after(time: str) -> str:
    """Return the next time that the store can write: a job's moves are in order even when the clock is set back."""
    return (datetime.fromisoformat(time) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


def _settle(transaction: Transaction, job: Job, record: ExitRecord) -> Job:
    target = record.status
    if target is JobStatus.INTERRUPTED and job.status in _ASKED:
        target = _ASKED[job.status]
    elif job.status is JobStatus.STARTING and target is JobStatus.SUCCEEDED:
        job = _move(transaction, job, JobStatus.RUNNING, "")
    job = _move(transaction, job, target, record.reason, record.result)
    return _resume_interrupted(transaction, job, record.mark) if target is JobStatus.INTERRUPTED else job


def _resume_interrupted(transaction: Transaction, job: Job, mark: int) -> Job:
    stalls = 0 if mark > job.mark else job.stalls + 1
    if stalls > MAX_STALLS:
        return job
    transaction.run(
        "UPDATE jobs SET stalls = ?, mark = ?, automatic_resumes = automatic_resumes + 1 WHERE id = ?",
        (stalls, max(mark, job.mark), job.id),
    )
    return _move(transaction, _get(transaction, job.id), JobStatus.QUEUED, f"goes on by itself: {job.reason}")


def _from_row(row: Mapping[str, Any]) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        status=JobStatus(row["status"]),
        attempt=row["attempt"],
        config=json.loads(row["config"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        number=row["number"],
        name=row["name"],
        output=row["output"],
        parent=row["parent"],
        needs=Needs(**json.loads(row["needs"])),
        grace_seconds=row["grace_seconds"],
        rank=row["rank"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        reason=row["reason"],
        save=bool(row["save"]),
        automatic_resumes=row["automatic_resumes"],
        stalls=row["stalls"],
        mark=row["mark"],
        host=row["host"],
        heard_at=int(row["heard_at"]),
        leases=tuple(sorted((row["leases"] or "").split())),
        progress=json.loads(row["progress"]),
        result=row["result"],
    )


def _append_event(transaction: Transaction, job: Job, what: str = "move") -> None:
    transaction.run(
        "INSERT INTO events (job_id, at, status, attempt, reason, what) VALUES (?, ?, ?, ?, ?, ?)",
        (job.id, now(), str(job.status), job.attempt, job.reason, what),
    )
