"""The tables of the job store, as migrations in order. Never edit one that was released; add the next."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL, attempt INTEGER NOT NULL, config TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        progress TEXT NOT NULL DEFAULT '{}', idempotency_key TEXT UNIQUE
    );
    CREATE TABLE events (
        seq {serial}, job_id TEXT NOT NULL, at TEXT NOT NULL, status TEXT NOT NULL,
        attempt INTEGER NOT NULL, reason TEXT NOT NULL
    );
    """,
    # Runners: what they need, hold and report. The first schema had no runner, so nothing of its jobs is alive.
    """
    UPDATE jobs SET status = 'interrupted', reason = 'this job was queued before runners existed'
        WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'paused');
    ALTER TABLE jobs ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN name TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN output TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN parent TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN needs TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE jobs ADD COLUMN grace_seconds REAL NOT NULL DEFAULT 120;
    ALTER TABLE jobs ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN started_at TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN ended_at TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN save INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE jobs ADD COLUMN automatic_resumes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN stalls INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN mark INTEGER NOT NULL DEFAULT -1;
    ALTER TABLE jobs ADD COLUMN result TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN request_hash TEXT NOT NULL DEFAULT '';
    UPDATE jobs SET number = (SELECT COUNT(*) FROM jobs AS other
        WHERE other.created_at < jobs.created_at OR (other.created_at = jobs.created_at AND other.id <= jobs.id));
    ALTER TABLE events ADD COLUMN what TEXT NOT NULL DEFAULT 'move';
    CREATE INDEX jobs_by_number ON jobs (number);
    CREATE INDEX jobs_by_status ON jobs (status);
    CREATE INDEX events_by_job ON events (job_id, seq);
    CREATE TABLE leases (resource TEXT PRIMARY KEY, job_id TEXT NOT NULL);
    CREATE TABLE removals (path TEXT PRIMARY KEY);
    CREATE TABLE audit (
        seq {serial}, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL,
        client TEXT NOT NULL
    );
    CREATE TABLE kept (path TEXT PRIMARY KEY);
    CREATE TABLE comparisons (name TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at TEXT NOT NULL);
    """,
    # Several machines on one store: where an attempt runs, when it was last heard of, and what each machine lends.
    """
    ALTER TABLE jobs ADD COLUMN host TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN heard_at BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE hosts (name TEXT PRIMARY KEY, capacity TEXT NOT NULL, heard_at BIGINT NOT NULL);
    CREATE TABLE host_leases (
        host TEXT NOT NULL, resource TEXT NOT NULL, job_id TEXT NOT NULL, PRIMARY KEY (host, resource)
    );
    INSERT INTO host_leases (host, resource, job_id) SELECT '', resource, job_id FROM leases;
    DROP TABLE leases;
    ALTER TABLE host_leases RENAME TO leases;
    """,
)


def statements(script: str, serial: str) -> list[str]:
    """Return the statements of a migration; `serial` is the database's word for a counting key."""
    return [part.strip() for part in script.replace("{serial}", serial).split(";") if part.strip()]
