"""What the application notes beside jobs: who changed what, which models are kept, saved comparisons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deepsynth.jobs.database import Database
from deepsynth.jobs.rows import now
from deepsynth.web.errors import UnknownThingError

AUDIT_KEPT = 10_000


class Records:
    """Reads and writes the tables beside the jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def audit(self, method: str, path: str, status: int, client: str) -> None:
        """Note a request that may have changed something; the oldest notes make room."""
        with self._database.write() as transaction:
            transaction.run(
                "INSERT INTO audit (at, method, path, status, client) VALUES (?, ?, ?, ?, ?)",
                (now(), method, path[:300], status, client),
            )
            transaction.run("DELETE FROM audit WHERE seq <= (SELECT MAX(seq) FROM audit) - ?", (AUDIT_KEPT,))

    def audited(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest notes, newest first."""
        return self._database.read(
            "SELECT at, method, path, status, client FROM audit ORDER BY seq DESC LIMIT ?", (limit,)
        )

    def kept(self) -> set[str]:
        """Return the paths of the models that must not be deleted."""
        return {row["path"] for row in self._database.read("SELECT path FROM kept")}

    def keep(self, path: str, *, wanted: bool) -> None:
        """Note whether a model must stay."""
        with self._database.write() as transaction:
            if wanted:
                transaction.run("INSERT INTO kept (path) VALUES (?) ON CONFLICT DO NOTHING", (path,))
            else:
                transaction.run("DELETE FROM kept WHERE path = ?", (path,))

    def comparisons(self) -> list[dict[str, Any]]:
        """Return the saved comparisons by name."""
        rows = self._database.read("SELECT name, value, updated_at FROM comparisons ORDER BY name")
        return [{"name": row["name"], **json.loads(row["value"]), "updated_at": row["updated_at"]} for row in rows]

    def save_comparison(self, name: str, value: Mapping[str, Any]) -> None:
        """Save or replace a comparison."""
        with self._database.write() as transaction:
            transaction.run(
                "INSERT INTO comparisons (name, value, updated_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
                (name, json.dumps(dict(value)), now()),
            )

    def delete_comparison(self, name: str) -> None:
        """Forget a comparison.

        Raises:
            UnknownThingError: there is none of this name.
        """
        with self._database.write() as transaction:
            if not transaction.run("DELETE FROM comparisons WHERE name = ? RETURNING name", (name,)):
                raise UnknownThingError(f"no comparison {name!r}; list them to see what there is")
