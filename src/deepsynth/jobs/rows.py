"""Jobs and events as rows of the store's tables, read and written inside a transaction that somebody else has begun."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deepsynth.jobs.database import CLOCK, Transaction
from deepsynth.jobs.job import Job, JobStatus, Needs, UnknownJobError

CLOCK_SECONDS = f"CAST({CLOCK} AS BIGINT)"
"""The database's own time in whole seconds, as SQL."""

SELECT_JOBS = (
    "SELECT jobs.*, (SELECT GROUP_CONCAT(resource, ' ') FROM leases WHERE leases.job_id = jobs.id) AS leases FROM jobs"
)
"""Reads rows that `job_from_row` understands; a WHERE clause may follow."""


def now() -> str:
    """Return the time as the store writes it: ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def where(conditions: Sequence[str]) -> str:
    """Return a WHERE clause that joins the conditions with AND; nothing for none."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def one_of(kinds: Sequence[str] = (), statuses: Iterable[JobStatus] = ()) -> tuple[list[str], list[Any]]:
    """Return conditions, and their values, that keep jobs of these kinds and states; an empty list keeps all of them."""
    conditions: list[str] = []
    values: list[Any] = []
    for column, wanted in (("kind", list(kinds)), ("status", sorted(map(str, statuses)))):
        if wanted:
            conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    return conditions, values


def unknown_job(job_id: str) -> UnknownJobError:
    """Return the error for an id that no job has."""
    return UnknownJobError(f"no job {job_id!r}; list them to see the known ones")


def read_job(transaction: Transaction, job_id: str) -> Job:
    """Return the job as this transaction sees it.

    Raises:
        UnknownJobError: no job has this id.
    """
    rows = transaction.run(SELECT_JOBS + " WHERE jobs.id = ?", (job_id,))
    if not rows:
        raise unknown_job(job_id)
    return job_from_row(rows[0])


def job_from_row(row: Mapping[str, Any]) -> Job:
    """Return the job that a row of `SELECT_JOBS` describes."""
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


def append_event(transaction: Transaction, job: Job, what: str = "move") -> None:
    """Add a job's present state to the history; `what` tells whether it moved, or was renamed, reordered or deleted."""
    transaction.run(
        "INSERT INTO events (job_id, at, status, attempt, reason, what) VALUES (?, ?, ?, ?, ?, ?)",
        (job.id, now(), str(job.status), job.attempt, job.reason, what),
    )
