"""Which database a store lies in: a file of SQLite in a folder, or a PostgreSQL server that a URL names."""

from __future__ import annotations

from pathlib import Path

from deepsynth.core.errors import StorageError
from deepsynth.core.files import make_folder
from deepsynth.jobs.database import Database, SqliteDatabase


def open_database(place: Path | str) -> Database:
    """Return the database at a folder (SQLite) or a `postgresql://` URL.

    Raises:
        StorageError: the URL is of another kind; otherwise as `SqliteDatabase` and `PostgresDatabase`.
    """
    if isinstance(place, str) and "://" in place:
        scheme = place.partition("://")[0]
        if scheme not in ("postgresql", "postgres"):
            raise StorageError(
                f"jobs cannot be kept at {scheme[:20]}://; let DEEPSYNTH_STORE name a postgresql:// URL, or leave it out"
            )
        from deepsynth.jobs.postgres import PostgresDatabase

        return PostgresDatabase(place)
    folder = Path(place)
    make_folder(folder)
    return SqliteDatabase(folder / "jobs.sqlite")
