"""Where jobs live: the state folder, and the store when it is a database server; named by the environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.errors import SettingsError
from deepsynth.core.files import make_folder
from deepsynth.jobs.store import StateManager

STATE_DIR = "DEEPSYNTH_UI_STATE_DIR"
STORE = "DEEPSYNTH_STORE"
HOST = "DEEPSYNTH_HOST"
LEASE = "DEEPSYNTH_LEASE_SECONDS"
LEASE_SECONDS = 180.0
"""How long an attempt on a shared store may be silent before other machines take its job over."""
SHORTEST_LEASE = 5.0
DEFAULT = Path("runs/web")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_SECONDS = re.compile(r"\d{1,6}(\.\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A state folder and its store."""

    state_dir: Path
    store_url: str = ""
    """`postgresql://...`; empty for a SQLite file in the folder. It may hold a password, so it is never an argument."""
    host: str = ""
    """This machine's name among those that share the store; empty where nobody shares it."""
    lease_seconds: float = LEASE_SECONDS
    """See `LEASE_SECONDS`; the same on every machine."""

    @property
    def jobs(self) -> Path:
        """The folder of the jobs' folders."""
        return self.state_dir / "jobs"

    @property
    def artifacts(self) -> Path:
        """The folder in which jobs write their results, each in one of its id."""
        return self.state_dir / "artifacts"

    def environment(self) -> dict[str, str]:
        """Return the variables by which another process finds the same place."""
        found = {STATE_DIR: str(self.state_dir)}
        if self.store_url:
            found |= {STORE: self.store_url, HOST: self.host, LEASE: f"{self.lease_seconds:g}"}
        return found

    def open(self) -> StateManager:
        """Open the store.

        Raises:
            StorageError: the folder cannot be made, or the store cannot be used.
        """
        make_folder(self.state_dir)
        return StateManager(self.store_url or self.state_dir)


def find_place(state_dir: Path | None = None, environment: Mapping[str, str] = os.environ) -> Place:
    """Return the place that a setting names, else the one of the environment, else `runs/web`.

    Raises:
        SettingsError: a variable holds no name for this machine, or no number of seconds for the lease.
    """
    folder = state_dir or Path(environment.get(STATE_DIR) or DEFAULT)
    url = environment.get(STORE, "")
    if not url:
        return Place(state_dir=folder.absolute())
    host, lease = environment.get(HOST) or socket.gethostname(), environment.get(LEASE) or str(LEASE_SECONDS)
    if not _NAME.fullmatch(host):
        raise SettingsError(f"{HOST}: {host!r} is no name of a machine: letters, digits, dots and hyphens, at most 63")
    if not _SECONDS.fullmatch(lease) or float(lease) < SHORTEST_LEASE:
        raise SettingsError(f"{LEASE}: {lease!r} is no number of seconds from {SHORTEST_LEASE:g}")
    return Place(state_dir=folder.absolute(), store_url=url, host=host, lease_seconds=float(lease))
