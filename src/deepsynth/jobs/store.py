"""Where jobs are kept: SQLite in WAL mode, each move a compare-and-swap that also appends an event.

One transaction per move means that of two racers one wins and the other is told so; nothing is ever half-moved.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepsynth.core.errors import StorageError
from deepsynth.jobs.job import DELETABLE, IllegalMoveError, Job, JobStatus, UnknownJobError, check_move

_MIGRATIONS = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL, attempt INTEGER NOT NULL, config TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        progress TEXT NOT NULL DEFAULT '{}', idempotency_key TEXT UNIQUE
    );
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, at TEXT NOT NULL, status TEXT NOT NULL,
        attempt INTEGER NOT NULL, reason TEXT NOT NULL
    );
    """,
)
"""Applied in order; `PRAGMA user_version` tells how many a file has seen. Never edit one that was released."""

_COLUMNS = "id, kind, status, attempt, config, created_at, updated_at, reason, progress"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class StateManager:
    """Creates, lists, moves and deletes jobs in `folder`/jobs.sqlite; safe for several processes at once."""

    def __init__(self, folder: Path) -> None:
        """Open or create the store and bring its schema up to date.

        Raises:
            StorageError: the file was written by a newer DeepSynth.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "jobs.sqlite"
        self._migrate()

    def create_job(self, kind: str, config: Mapping[str, Any], *, idempotency_key: str | None = None) -> Job:
        """Queue a job; the same `idempotency_key` returns the job that it made before."""
        with self._transaction() as connection:
            known = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE idempotency_key = ? AND idempotency_key IS NOT NULL",
                (idempotency_key,),
            ).fetchone()
            if known:
                return _job(known)
            identity, now = f"{kind}-{uuid.uuid4().hex[:12]}", _now()
            connection.execute(
                "INSERT INTO jobs (id, kind, status, attempt, config, created_at, updated_at, idempotency_key) "
                "VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
                (identity, kind, JobStatus.QUEUED, json.dumps(dict(config)), now, now, idempotency_key),
            )
            job = self._get(connection, identity)
            _append_event(connection, job)
            return job

    def get_job(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            UnknownJobError: no job has this id.
        """
        with self._connection() as connection:
            return self._get(connection, job_id)

    def list_jobs(self) -> list[Job]:
        """Return every job, newest first."""
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs ORDER BY created_at DESC, rowid DESC").fetchall()
        return [_job(row) for row in rows]

    def move_job(self, job_id: str, target: JobStatus, *, attempt: int | None = None, reason: str = "") -> Job:
        """Move a job to `target` in one transaction; back to `queued` begins the next attempt.

        Args:
            job_id: the job.
            target: the state to reach.
            attempt: the attempt that asks; a runner passes its own, so that a late one of an older attempt is refused.
            reason: why, in words.

        Raises:
            IllegalMoveError: the table of moves has no such move, or `attempt` is not the current one.
            UnknownJobError: no job has this id.
        """
        with self._transaction() as connection:
            job = self._get(connection, job_id)
            if attempt is not None and attempt != job.attempt:
                raise IllegalMoveError(f"job {job_id} is at attempt {job.attempt}; attempt {attempt} is over")
            check_move(job, target)
            connection.execute(
                "UPDATE jobs SET status = ?, attempt = ?, updated_at = ?, reason = ? WHERE id = ?",
                (target, job.attempt + (target is JobStatus.QUEUED), _now(), reason, job_id),
            )
            moved = self._get(connection, job_id)
            _append_event(connection, moved)
            return moved

    def delete_job(self, job_id: str) -> None:
        """Remove a job of which nothing is alive; its events stay as history.

        Raises:
            IllegalMoveError: the job is waiting or running: pause or cancel it first.
            UnknownJobError: no job has this id.
        """
        with self._transaction() as connection:
            job = self._get(connection, job_id)
            if job.status not in DELETABLE:
                raise IllegalMoveError(f"job {job_id} is {job.status}; pause or cancel it before deleting it")
            connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def events(self, after: int = 0) -> list[Mapping[str, Any]]:
        """Return the moves with a sequence number above `after`, oldest first."""
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM events WHERE seq > ? ORDER BY seq", (after,)).fetchall()
        return [dict(row) for row in rows]

    def _get(self, connection: sqlite3.Connection, job_id: str) -> Job:
        row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise UnknownJobError(f"no job {job_id!r}; list them to see the known ones")
        return _job(row)

    def _migrate(self) -> None:
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with self._transaction() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(_MIGRATIONS):
                raise StorageError(f"{self.path} was written by a newer DeepSynth (schema {version}); upgrade first")
            for script in _MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")  # takes the write lock now, so that what is read is still true
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _job(row: tuple[Any, ...]) -> Job:
    identity, kind, status, attempt, config, created_at, updated_at, reason, progress = row
    return Job(
        id=identity,
        kind=kind,
        status=JobStatus(status),
        attempt=attempt,
        config=json.loads(config),
        created_at=created_at,
        updated_at=updated_at,
        reason=reason,
        progress=json.loads(progress),
    )


def _append_event(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute(
        "INSERT INTO events (job_id, at, status, attempt, reason) VALUES (?, ?, ?, ?, ?)",
        (job.id, job.updated_at, job.status, job.attempt, job.reason),
    )
