"""What is known about each row of a source that is being prepared, on disk: memory stays the same for any number of rows.

One SQLite file in the dataset's hidden work folder. Each block of rows is one transaction, together with the number of rows
that were read, so a run that is killed at any moment goes on behind the last whole block. Rules that compare rows are here:
what was met before, what is near it, which groups and held-out rows must not stand beside training rows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deepsynth.data.bands import Bands
from deepsynth.data.config import CleaningConfig
from deepsynth.data.entries import Entry
from deepsynth.data.nearness import band_keys, similarity
from deepsynth.data.sources.base import Rejection

CACHE_KIB = 4 * 1024
MOST_CANDIDATES = 1000
"""Rows that one row is compared with; more share a band only where all texts are alike."""
_RANKS = {"train": 0, "test": 1, "validation": 2}
"""A row yields to rows of its group in splits of a lower rank."""
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, split TEXT, rank INTEGER, kin TEXT, content BLOB, signature BLOB);
CREATE INDEX IF NOT EXISTS kept_split ON kept (split, number);
CREATE INDEX IF NOT EXISTS kept_kin ON kept (kin, rank) WHERE kin != '';
CREATE INDEX IF NOT EXISTS kept_content ON kept (content);
CREATE TABLE IF NOT EXISTS texts (number INTEGER PRIMARY KEY, row TEXT);
CREATE TABLE IF NOT EXISTS rejected (number INTEGER PRIMARY KEY, place TEXT, reason TEXT, detail TEXT);
CREATE TABLE IF NOT EXISTS flags (number INTEGER, reason TEXT, PRIMARY KEY (number, reason)) WITHOUT ROWID;
"""


class Ledger:
    """The rows of one source, judged; numbered from 0 in the order of the source, bad rows included."""

    def __init__(self, path: Path, config: CleaningConfig) -> None:
        """Open or make the file; what an interrupted run had written is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.executescript(_TABLES)
        self._bands = Bands(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def fact(self, name: str) -> int:
        """Return a number that was kept under `name`; 0 when there is none."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else 0

    def set_fact(self, name: str, value: int) -> None:
        """Keep a number."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # Reading ----------------------------------------------------------------------------------------------------------

    def add(self, first: int, rows: Iterable[Entry | Rejection], *, limit: int | None) -> int:
        """Take in the rows of a block, the first of which has the number `first`; return how many were taken.

        Rows behind the `limit`-th kept one are not taken.
        """
        number, kept = first, self.fact("kept")
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            for row in rows:
                if limit is not None and kept >= limit:
                    break
                rejection = row if isinstance(row, Rejection) else self._take(number, row)
                if rejection is not None:
                    self._reject(number, rejection)
                else:
                    kept += 1
                number += 1
            self._bands.settle()
            self.set_fact("read", number)
            self.set_fact("kept", kept)
        return number - first

    def _take(self, number: int, entry: Entry) -> Rejection | None:
        reason, detail = self._why_known(entry)
        if reason is not None:
            return Rejection(where=entry.id, reason=reason, detail=detail)
        values = (number, entry.id, entry.split, self._rank(entry.split), entry.group, entry.content, entry.signature)
        self._db.execute("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        self._db.execute("INSERT INTO texts VALUES (?, ?)", (number, entry.stored))
        for flag in entry.flags:
            self._flag(number, flag)
        if self._config.near_duplicates == "flag" and self._nearest_to(entry):
            self._flag(number, "near-duplicate")
        self._bands.add(entry.bands, number)
        return None

    def _why_known(self, entry: Entry) -> tuple[str | None, str]:
        """Return why a row repeats an earlier one, and which."""
        if self._db.execute("SELECT 1 FROM kept WHERE id = ?", (entry.id,)).fetchone():
            return "repeated-id", "an earlier row has this id"
        if self._config.exact_duplicates:
            found = self._db.execute("SELECT id FROM kept WHERE content = ?", (entry.content,)).fetchone()
            if found:
                return "duplicate-document", f"like {found[0]}"
        near = self._nearest_to(entry) if self._config.near_duplicates == "drop" else None
        return ("near-duplicate", f"like {near[0]} ({near[1]:.2f})") if near else (None, "")

    def _nearest_to(self, entry: Entry) -> tuple[str, float] | None:
        if entry.signature is None:
            return None
        return self._nearest(entry.signature, entry.bands, self._config.near_similarity)

    def _nearest(
        self, signature: bytes, keys: Sequence[int], least: float, *, rank: int | None = None
    ) -> tuple[str, float] | None:
        """Return id and similarity of the nearest kept row, of the splits of a rank or of all, if it is near enough."""
        places = ",".join("?" * len(keys))
        only = "" if rank is None else f"AND kept.rank = {rank}"
        found: list[tuple[int, str, bytes]] = []
        for table in self._bands.tables:
            query = f"""SELECT DISTINCT kept.number, kept.id, kept.signature FROM {table} JOIN kept USING (number)
                WHERE {table}.key IN ({places}) {only} LIMIT {MOST_CANDIDATES - len(found)}"""
            found.extend(self._db.execute(query, keys))
        if not found:
            return None
        shares = similarity(signature, [row[2] for row in found])
        best = int(shares.argmax())
        return (found[best][1], float(shares[best])) if shares[best] >= least else None

    def _rank(self, split: str) -> int:
        if split in _RANKS:
            return _RANKS[split]
        known = self.fact(f"rank of {split}")
        if not known:
            known = 3 + self.fact("ranks")
            self.set_fact("ranks", known - 2)
            self.set_fact(f"rank of {split}", known)
        return known

    def _flag(self, number: int, reason: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO flags VALUES (?, ?)", (number, reason))

    def _reject(self, number: int, rejection: Rejection) -> None:
        """Keep a row out; if it was kept before, it is no longer."""
        self.note(number, rejection)
        self._db.execute("DELETE FROM kept WHERE number = ?", (number,))

    def note(self, number: int, rejection: Rejection) -> None:
        """List a row among those that are kept out; its place among the kept ones stays, so that shards stay the same."""
        values = (number, rejection.where, rejection.reason, rejection.detail)
        self._db.execute("INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?)", values)
        self._db.execute("DELETE FROM flags WHERE number = ?", (number,))

    # Separating -------------------------------------------------------------------------------------------------------

    def separate(self) -> Iterator[int]:
        """Keep groups on one side and held-out rows away from training rows; yield how many rows were looked at.

        Doing it again finds the same: training rows, with which all others are compared, never change here.
        """
        self._separate_groups()
        if self._config.leaks == "keep":
            return
        query = """SELECT number, id, signature FROM kept
            WHERE rank > 0 AND signature IS NOT NULL AND number > ? ORDER BY number LIMIT 500"""
        done, last = 0, -1
        while block := self._db.execute(query, (last,)).fetchall():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                for number, name, signature in block:
                    near = self._nearest(signature, band_keys(signature), self._config.leak_similarity, rank=0)
                    if near and self._config.leaks == "flag":
                        self._flag(number, "near-training-row")
                    elif near:
                        detail = f"like {near[0]} ({near[1]:.2f})"
                        self._reject(number, Rejection(where=name, reason="near-training-row", detail=detail))
            done, last = done + len(block), block[-1][0]
            yield done

    def _separate_groups(self) -> None:
        query = """SELECT number, id, kin FROM kept WHERE number > ? AND kin != '' AND rank > 0 AND EXISTS (
            SELECT 1 FROM kept AS other WHERE other.kin = kept.kin AND other.kin != '' AND other.rank < kept.rank)
            ORDER BY number LIMIT 500"""
        last = -1
        while block := self._db.execute(query, (last,)).fetchall():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                for number, name, kin in block:
                    detail = f"group {kin!r} stands there"
                    self._reject(number, Rejection(where=name, reason="group-in-another-split", detail=detail))
            last = block[-1][0]

    # Writing ----------------------------------------------------------------------------------------------------------

    def splits(self) -> dict[str, int]:
        """Return the number of kept rows by split."""
        return dict(self._db.execute("SELECT split, count(*) FROM kept GROUP BY split ORDER BY split"))

    def rows(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield number and stored values of the kept rows of a split, in order."""
        query = "SELECT number, row FROM kept JOIN texts USING (number) WHERE split = ? ORDER BY number"
        for number, row in self._db.execute(query, (split,)):
            yield number, json.loads(row)

    def reasons(self) -> dict[str, int]:
        """Return how many rows are kept out, by reason, the most frequent first."""
        return dict(
            self._db.execute("SELECT reason, count(*) FROM rejected GROUP BY reason ORDER BY count(*) DESC, reason")
        )

    def flags(self) -> dict[str, int]:
        """Return how many kept rows deserve a look, by reason."""
        return dict(self._db.execute("SELECT reason, count(*) FROM flags GROUP BY reason ORDER BY reason"))

    def rejections(self) -> Iterator[Rejection]:
        """Yield every row that is kept out, in the order of the source."""
        query = "SELECT place, reason, detail FROM rejected ORDER BY number"
        for place, reason, detail in self._db.execute(query):
            yield Rejection(where=place, reason=reason, detail=detail)
