"""The job store on a PostgreSQL server, for several machines (extra `postgres`).

Writing transactions take one advisory lock, so that they follow one another as SQLite's do: what was read is still true when
it is written, and events are seen in the order of their numbers.
"""

from __future__ import annotations

import getpass
import queue
import re
import ssl
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from deepsynth.core.errors import MissingExtraError, StorageError
from deepsynth.jobs.database import CLOCK, Rows, Transaction
from deepsynth.jobs.schema import MIGRATIONS, statements

_LOCK = 0x64656570  # any number that no other program on this database takes
_SERIAL = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
_CLOCK = "EXTRACT(EPOCH FROM CLOCK_TIMESTAMP())"
_CONNECTIONS = 8
_SECONDS = 30.0  # for a connection, and for each answer
_TRANSIENT = ("08", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that say that the server cannot do it just now: lost, deadlocked, full, locked, ending, failing."""
_SSL = {"disable": False, "prefer": None, "require": True, "verify-full": True}


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        rows = self._connection.run(translate(sql), **{f"v{place}": value for place, value in enumerate(values, 1)})
        names = [column["name"] for column in self._connection.columns or ()]
        return [dict(zip(names, row, strict=True)) for row in rows or ()]


class PostgresDatabase:
    """A few connections to one database, whose schema is brought up to date when it is opened."""

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            MissingExtraError: pg8000 is not installed.
            StorageError: the URL has an option that is not known, the server does not answer or refuses the user, or the
                schema was written by a newer DeepSynth.
        """
        try:
            import pg8000.native as driver  # pyright: ignore[reportMissingTypeStubs]
        except ModuleNotFoundError as error:
            raise MissingExtraError(error.name or "pg8000", "postgres") from error
        self._driver = driver
        self._options = connect_options(url)
        self._slots: queue.LifoQueue[Any] = queue.LifoQueue()  # each an idle connection, or None for one not opened
        for _ in range(_CONNECTIONS):
            self._slots.put(None)
        self._migrate()

    def read(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Return the rows of one query."""
        with self._connection() as connection:
            return _Postgres(connection).run(sql, values)

    @contextmanager
    def write(self) -> Generator[Transaction]:
        """Yield a transaction that holds the store's lock; an error in it ends the connection, and so undoes it."""
        with self._connection() as connection:
            connection.run("BEGIN")
            connection.run("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
            yield _Postgres(connection)
            connection.run("COMMIT")

    def close(self) -> None:
        """Close every idle connection."""
        for _ in range(self._slots.qsize()):
            self._end(self._slots.get())
            self._slots.put(None)

    @contextmanager
    def _connection(self) -> Generator[Any]:
        try:
            connection = self._slots.get(timeout=_SECONDS)
        except queue.Empty as error:
            raise StorageError("the job store cannot be used just now: every connection is busy") from error
        try:
            connection = connection or self._open()
            yield connection
        except BaseException as error:
            self._end(connection)
            connection = None
            if self._is_transient(error):
                raise StorageError(f"the job store cannot be used just now: {error}") from error
            raise
        finally:
            self._slots.put(connection)

    def _open(self) -> Any:
        try:
            return self._driver.Connection(**self._options)
        except self._driver.Error as error:
            why: BaseException | None = error
            while why is not None and not isinstance(why, self._driver.DatabaseError):
                why = why.__context__  # saying goodbye to a server that has hung up fails too, and hides its refusal
            said = f"refuses the connection: {why.args[0]['M']}" if why else "does not answer; start it or mend the URL"
            raise StorageError(f"the PostgreSQL server of DEEPSYNTH_STORE {said}") from error

    def _end(self, connection: Any) -> None:
        with suppress(self._driver.Error):  # one that is broken cannot say goodbye
            if connection is not None:
                connection.close()

    def _is_transient(self, error: BaseException) -> bool:
        if isinstance(error, self._driver.DatabaseError):
            return str(error.args[0]["C"]).startswith(_TRANSIENT)
        return isinstance(error, self._driver.InterfaceError)

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


def connect_options(url: str) -> dict[str, Any]:
    """Return the driver's options for `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...&host=/socket/folder`.

    `password_file=/path` names a file with the password instead, so that neither the environment nor a log holds it.

    Raises:
        StorageError: the port is no number, an option is not known, or the file cannot be read; the message never holds
            the password.
    """
    parts = urlsplit(url)
    port = _port(parts)
    query = dict(parse_qsl(parts.query))
    password = _password(query.pop("password_file", None), parts.password)
    mode, host = query.pop("sslmode", "prefer"), query.pop("host", parts.hostname or "localhost")
    if query or mode not in _SSL:
        wrong = next(iter(query), f"sslmode={mode}")
        raise StorageError(
            f"DEEPSYNTH_STORE: {wrong} is not known; there are host, password_file and sslmode ({', '.join(_SSL)})"
        )
    options: dict[str, Any] = {
        "user": unquote(parts.username or getpass.getuser()),
        "password": password,
        "database": unquote(parts.path.lstrip("/")) or None,
        "timeout": _SECONDS,
    }
    if host.startswith("/"):
        return {**options, "unix_sock": f"{host}/.s.PGSQL.{port}", "ssl_context": False}
    context = ssl.create_default_context() if mode == "verify-full" else _SSL[mode]
    return {**options, "host": host, "port": port, "ssl_context": context}


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or 5432
    except ValueError:
        raise StorageError("DEEPSYNTH_STORE: the port is no number from 1 to 65535; mend the URL") from None


def _password(path: str | None, given: str | None) -> str | None:
    if path is None:
        return unquote(given) if given else None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StorageError(f"DEEPSYNTH_STORE: cannot read the password in {path}: {error.strerror}") from None


def translate(sql: str) -> str:
    """Return a statement with the words that PostgreSQL has for the same things, and its values named `:v1`, `:v2`..."""
    places = count(1)
    return re.sub(
        r"\?", lambda _: f":v{next(places)}", sql.replace("GROUP_CONCAT(", "STRING_AGG(").replace(CLOCK, _CLOCK)
    )
