"""The database under the job store: one short protocol, SQLite in WAL mode by default.

A writing transaction takes the write lock when it begins, so what it has read is still true when it writes, and of two racers
one waits for the other. `?` marks a value in either database's SQL.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import sqlite3
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from deepsynth.core.errors import StorageError
from deepsynth.core.files import storage_errors
from deepsynth.jobs.schema import MIGRATIONS, statements

Rows = list[dict[str, Any]]
CLOCK = "STRFTIME('%s', 'now')"
"""The database's own time in seconds, in SQLite's words: machines that share a store need not agree on the time."""
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb2", "smb3", "ceph", "fuse.sshfs", "9p", "lustre", "afs"})
"""File systems whose locks cannot be trusted to hold between machines."""


class Transaction(Protocol):
    """What may be done between begin and commit."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Run one statement and return its rows, each as a mapping by column."""
        ...


class Database(Protocol):
    """Where the tables live."""

    def read(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Return the rows of one query."""
        ...

    def write(self) -> Any:
        """Return a context manager that yields a `Transaction`; it commits at the end and rolls back on an error."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        return [dict(row) for row in self.connection.execute(sql, values).fetchall()]


class SqliteDatabase:
    """One file in WAL mode, safe for several processes and threads of one machine."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and bring its schema up to date, after a backup copy of an older one.

        Raises:
            StorageError: it lies on a network file system, is damaged, or was written by a newer DeepSynth.
        """
        refuse_network_folder(path.parent)
        self.path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        with storage_errors(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            with busy_errors():
                self._migrate()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"{path} is no job store, or damaged: {error}; move its folder away, and start anew or put a backup in its"
                " place with: deepsynth jobs restore FOLDER"
            ) from error

    def read(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Return the rows of one query."""
        with self._connection() as connection, busy_errors():
            return _Sqlite(connection).run(sql, values)

    @contextmanager
    def write(self) -> Generator[Transaction]:
        """Yield a transaction that holds the write lock."""
        with self._connection() as connection, busy_errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Sqlite(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every idle connection."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
        try:
            yield connection
        finally:
            self._idle.put(connection)

    def _migrate(self) -> None:
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(MIGRATIONS):
                raise StorageError(f"{self.path} was written by a newer DeepSynth (schema {version}); upgrade first")
            if 0 < version < len(MIGRATIONS):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                shutil.copy2(self.path, self.path.with_suffix(f".schema-{version}.backup"))
        with self.write() as transaction:
            version = int(transaction.run("PRAGMA user_version")[0]["user_version"])
            for script in MIGRATIONS[version:]:
                for statement in statements(script, "INTEGER PRIMARY KEY AUTOINCREMENT"):
                    transaction.run(statement)
            transaction.run(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def busy_errors() -> Generator[None]:
    """Turn what may pass by itself (a locked file, a full disk) into a `StorageError`; a caller may try again later."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "syntax" in str(error) or "no such" in str(error):
            raise
        raise StorageError(f"the job store cannot be used just now: {error}") from error


def refuse_network_folder(folder: Path) -> None:
    """Refuse a folder whose locks other machines do not see.

    Raises:
        StorageError: names the file system and the remedy.
    """
    if not sys.platform.startswith("linux"):
        return
    name = file_system(folder, Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape"))
    if name in NETWORK:
        raise StorageError(
            f"{folder} lies on {name}, whose file locks do not hold between machines; name a local state folder, or keep"
            " jobs in PostgreSQL with DEEPSYNTH_STORE=postgresql://..."
        )


def file_system(folder: Path, mounts: str) -> str:
    """Return the type of the file system that a folder lies on, by the kernel's table of mounts: the deepest one counts."""
    best, name = -1, ""
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place))
        if folder.resolve().is_relative_to(point) and len(point.parts) >= best:
            best, name = len(point.parts), kind
    return name
