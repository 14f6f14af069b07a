"""Copies a state folder while the application runs, and puts such a copy back.

The tables are copied first, through SQLite's own means, so that the copy is of one moment; the folders follow. What ran then
is found interrupted when the copy is put to use, and goes on from its newest whole checkpoint, as after a power cut.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

from deepsynth.core.errors import InputError
from deepsynth.core.files import folder_bytes, write_json
from deepsynth.jobs.place import Place

TABLES = "jobs.sqlite"
PROOF = "backup.json"
"""Written last: without it a folder is no whole backup."""
FOLDERS = ("jobs", "uploads", "artifacts")


def backup(place: Place, target: Path, *, artifacts: bool = True) -> int:
    """Copy the state folder into a new folder `target` and return the bytes of the copy.

    Args:
        place: the state folder.
        target: a folder that does not exist yet.
        artifacts: whether what jobs have written is copied too.

    Raises:
        InputError: `target` exists, or the tables are on a database server.
    """
    if place.store_url:
        raise InputError("the tables are on a PostgreSQL server: back them up with pg_dump, and the folder by any copy")
    if target.exists():
        raise InputError(f"{target} exists; name a new folder", field="words")
    if not (place.state_dir / TABLES).is_file():
        raise InputError(f"{place.state_dir} holds no jobs; name the state folder with --state-dir")
    target.mkdir(parents=True, mode=0o700)
    source, copy = sqlite3.connect(place.state_dir / TABLES), sqlite3.connect(target / TABLES)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()
    names = [name for name in FOLDERS if name != "artifacts" or artifacts]
    for name in names:
        if (place.state_dir / name).is_dir():
            shutil.copytree(place.state_dir / name, target / name, copy_function=_copy_if_there, symlinks=True)
    size = folder_bytes(target)
    write_json(target / PROOF, {"state_dir": str(place.state_dir), "folders": names, "bytes": size})
    return size


def restore(source: Path, place: Place) -> None:
    """Copy a backup into the state folder, which must be empty or not exist.

    The folder must be where it was, or under the same name: jobs know the folders that they write by their whole path.

    Raises:
        InputError: the backup is not whole, the state folder is in use, or it has another path than when it was copied.
    """
    if not (source / PROOF).is_file():
        raise InputError(f"{source} is no whole backup: it has no {PROOF}")
    known = json.loads((source / PROOF).read_text(encoding="utf-8"))
    if known["state_dir"] != str(place.state_dir):
        raise InputError(
            f"this is a backup of {known['state_dir']}, and jobs know their folders by path; restore it there, with"
            f" --state-dir {known['state_dir']}"
        )
    if place.state_dir.exists() and any(place.state_dir.iterdir()):
        raise InputError(f"{place.state_dir} is not empty; move it away first")
    place.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in known["folders"]:
        if (source / name).is_dir():
            shutil.copytree(source / name, place.state_dir / name, symlinks=True)
    shutil.copy2(source / TABLES, place.state_dir / TABLES)


def _copy_if_there(source: str, target: str) -> str:
    """Copy a file; one that its job removes meanwhile (an old checkpoint) is left out."""
    try:
        return shutil.copy2(source, target)
    except FileNotFoundError:
        return target
