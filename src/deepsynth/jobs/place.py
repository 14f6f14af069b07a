"""Where jobs live: the state folder, and the store when it is a database server; named by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsynth.jobs.store import StateManager

STATE_DIR = "DEEPSYNTH_UI_STATE_DIR"
STORE = "DEEPSYNTH_STORE"
DEFAULT = Path("runs/web")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A state folder and its store."""

    state_dir: Path
    store_url: str = ""
    """`postgresql://...`; empty for a SQLite file in the folder. It may hold a password, so it is never an argument."""

    @property
    def jobs(self) -> Path:
        """The folder of the jobs' folders."""
        return self.state_dir / "jobs"

    @property
    def artifacts(self) -> Path:
        """The folder in which jobs write their results, each in one of its id."""
        return self.state_dir / "artifacts"

    def open(self) -> StateManager:
        """Open the store."""
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return StateManager(self.store_url or self.state_dir)


def find_place(state_dir: Path | None = None, environment: Mapping[str, str] = os.environ) -> Place:
    """Return the place that a setting names, else the one of the environment, else `runs/web`."""
    folder = state_dir or Path(environment.get(STATE_DIR) or DEFAULT)
    return Place(state_dir=folder.absolute(), store_url=environment.get(STORE, ""))
