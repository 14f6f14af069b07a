"""A file of summaries, one JSON object a line: appended to while they are written, and read by the run that goes on."""

from __future__ import annotations

import json
import mmap
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from deepsynth.core.documents import Summary
from deepsynth.core.errors import InputError
from deepsynth.core.files import storage_errors


def as_json(summary: Summary) -> dict[str, Any]:
    """Return a summary as its line in JSON shows it."""
    return {**asdict(summary), "compression": summary.compression}


def read_keys(path: Path | None) -> set[str]:
    """Return the keys of the results that a file holds; a line that a crash cut short counts for nothing.

    Raises:
        InputError: the file holds something else.
    """
    if path is None or not path.is_file():
        return set()
    found: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                found.add(json.loads(line)["key"])
            except (ValueError, KeyError, TypeError) as error:
                if line.endswith(b"\n"):
                    raise InputError(
                        f"line {number} of {path} is no result of this verb; name another file", field="out"
                    ) from error
    return found


def open_results(path: Path) -> TextIO:
    """Return a file of results to append to, after cutting off a line that a crash left unfinished."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size:
            with path.open("r+b") as file:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    end = content.rfind(b"\n") + 1
                file.truncate(end)
        return path.open("a", encoding="utf-8")
