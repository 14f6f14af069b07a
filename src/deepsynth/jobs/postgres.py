"""The job store on a PostgreSQL server, for several machines (extra `postgres`).

Writing transactions take one advisory lock, so that they follow one another as SQLite's do: what was read is still true when
it is written, and events are seen in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from deepsynth.core.errors import MissingExtraError, StorageError
from deepsynth.jobs.database import Rows, Transaction
from deepsynth.jobs.schema import MIGRATIONS, statements

_LOCK = 0x64656570  # any number that no other program on this database takes
_SERIAL = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        cursor = self._connection.execute(translate(sql), tuple(values))
        return cast("Rows", cursor.fetchall()) if cursor.description else []


class PostgresDatabase:
    """A pool of connections to one database, whose schema is brought up to date when it is opened."""

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            MissingExtraError: psycopg is not installed.
            StorageError: the server does not answer, or the schema was written by a newer DeepSynth.
        """
        try:
            import psycopg
            import psycopg_pool
            from psycopg.rows import dict_row
        except ModuleNotFoundError as error:
            raise MissingExtraError(error.name or "psycopg", "postgres") from error
        self._error = psycopg.OperationalError
        self._pool: Any = psycopg_pool.ConnectionPool(
            url, min_size=1, max_size=8, open=False, timeout=10, kwargs={"row_factory": dict_row}
        )
        try:
            self._pool.open(wait=True, timeout=10)
        except psycopg_pool.PoolTimeout as error:
            self._pool.close()
            raise StorageError(
                "the PostgreSQL server of DEEPSYNTH_STORE does not answer; start it or mend the URL"
            ) from error
        self._migrate()

    def read(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Return the rows of one query."""
        with self._errors(), self._pool.connection() as connection:
            return _Postgres(connection).run(sql, values)

    @contextmanager
    def write(self) -> Generator[Transaction]:
        """Yield a transaction that holds the store's lock."""
        with self._errors(), self._pool.connection() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            yield _Postgres(connection)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def _errors(self) -> Generator[None]:
        import psycopg_pool

        try:
            yield
        except (self._error, psycopg_pool.PoolTimeout) as error:
            raise StorageError(f"the job store cannot be used just now: {error}") from error

    def _migrate(self) -> None:
        with self.write() as transaction:
            transaction.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
            rows = transaction.run("SELECT version FROM schema_version")
            version = int(rows[0]["version"]) if rows else 0
            if version > len(MIGRATIONS):
                raise StorageError(f"the job store was written by a newer DeepSynth (schema {version}); upgrade first")
            for script in MIGRATIONS[version:]:
                for statement in statements(script, _SERIAL):
                    transaction.run(statement)
            transaction.run("DELETE FROM schema_version")
            transaction.run("INSERT INTO schema_version (version) VALUES (?)", (len(MIGRATIONS),))


def translate(sql: str) -> str:
    """Return a statement with the words that PostgreSQL has for the same things."""
    return sql.replace("%", "%%").replace("?", "%s").replace("GROUP_CONCAT(", "STRING_AGG(")
