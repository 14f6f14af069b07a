"""Several machines on one store: which of them run the queue, and whose attempts have fallen silent.

Times are those of the database, so that the machines' clocks need not agree. See `deepsynth.jobs.lease` for the other side:
how an attempt keeps its machine from being taken for lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from deepsynth.jobs.database import Database
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import ACTIVE, Job
from deepsynth.jobs.moving import settle
from deepsynth.jobs.rows import CLOCK_SECONDS, SELECT_JOBS, job_from_row, one_of, read_job, where


class Machines:
    """The machines that share a store, as `StateManager.machines`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def greet(self, host: str, capacity: Mapping[str, int]) -> None:
        """Note that a machine runs the queue, and how many of each resource it has for jobs."""
        with self._database.write() as transaction:
            transaction.run(
                f"INSERT INTO hosts (name, capacity, heard_at) VALUES (?, ?, {CLOCK_SECONDS}) ON CONFLICT (name)"
                " DO UPDATE SET capacity = EXCLUDED.capacity, heard_at = EXCLUDED.heard_at",
                (host, json.dumps(dict(capacity))),
            )

    def leave(self, host: str) -> None:
        """Note that a machine no longer runs the queue."""
        with self._database.write() as transaction:
            transaction.run("DELETE FROM hosts WHERE name = ?", (host,))

    def heard_within(self, seconds: float) -> dict[str, dict[str, int]]:
        """Return the machines that were heard of within so many seconds, each with what it has for jobs."""
        sql = f"SELECT name, capacity FROM hosts WHERE heard_at >= {CLOCK_SECONDS} - CAST(? AS BIGINT) ORDER BY name"
        return {row["name"]: json.loads(row["capacity"]) for row in self._database.read(sql, (int(seconds),))}

    def leases(self) -> dict[str, dict[str, str]]:
        """Return which job holds which resource, by machine; machines of which nothing is held are left out."""
        found: dict[str, dict[str, str]] = {}
        for row in self._database.read("SELECT host, resource, job_id FROM leases ORDER BY host, resource"):
            found.setdefault(row["host"], {})[row["resource"]] = row["job_id"]
        return found

    def silent_jobs(self, host: str, seconds: float) -> list[Job]:
        """Return the active jobs of machines other than `host` that were not heard of for so many seconds."""
        conditions, values = one_of(statuses=ACTIVE)
        conditions += ["host <> ?", f"heard_at < {CLOCK_SECONDS} - CAST(? AS BIGINT)"]
        sql = SELECT_JOBS + where(conditions) + " ORDER BY number"
        return [job_from_row(row) for row in self._database.read(sql, (*values, host, int(seconds)))]

    def settle_silent(self, ended: Iterable[tuple[Job, ExitRecord]]) -> list[Job]:
        """End attempts that `silent_jobs` named, unless one has been heard of since; otherwise as `StateManager.settle`."""
        settled: list[Job] = []
        with self._database.write() as transaction:
            for seen, record in ended:
                job = read_job(transaction, seen.id)
                if (job.attempt, job.heard_at) == (seen.attempt, seen.heard_at) and job.status in ACTIVE:
                    settled.append(settle(transaction, job, record))
        return settled
