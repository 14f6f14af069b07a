"""The band keys of all kept rows, by which near rows are found (see `nearness`), in tables of growing size on disk.

Keys are as random as a hash, so in one table of many rows each key would change a page of its own, 32 pages a row. New keys
go to a small table instead; a table that is full is poured, in the order of its keys, into the next one, which may hold
`GROWTH` times as many. So each key is written a few times, beside its neighbors, in the memory of one small cache.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import repeat

FIRST_KEYS = 2**17
"""Keys of the first table when it is poured: those of 4,096 rows, about 3 MiB."""
GROWTH = 8
"""How many times as many keys each further table may hold."""


class Bands:
    """Keeps key and row number; belongs to a ledger, in whose transactions everything is written."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Find the tables that there are, or make the first."""
        self._db = db
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'bands_*'")
        self.tables = sorted(name for (name,) in names)
        """The tables, smallest first; all keys of a row are in one of them."""
        if not self.tables:
            self._add_table()

    def _add_table(self) -> None:
        name = f"bands_{len(self.tables)}"
        self._db.execute(f"CREATE TABLE {name} (key INTEGER, number INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID")
        self.tables.append(name)

    def add(self, keys: Iterable[int], number: int) -> None:
        """Keep the keys of a row."""
        self._db.executemany("INSERT OR IGNORE INTO bands_0 VALUES (?, ?)", zip(keys, repeat(number)))

    def settle(self) -> None:
        """Pour out every table that is full; to be called once a block of rows, since counting takes a moment."""
        most = FIRST_KEYS
        for level, table in enumerate(self.tables):
            (held,) = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()
            if held < most:
                return
            if table == self.tables[-1]:
                self._add_table()
            self._db.execute(f"INSERT INTO {self.tables[level + 1]} SELECT * FROM {table} ORDER BY key, number")
            self._db.execute(f"DELETE FROM {table}")
            most *= GROWTH
