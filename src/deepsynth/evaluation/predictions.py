"""Summaries that survive a crash: appended and synced batch by batch, read again by key, never made twice."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deepsynth.core.documents import Summary
from deepsynth.core.errors import InputError
from deepsynth.core.files import storage_errors

ENDING = "-predictions.jsonl"
_SUMMARY = TypeAdapter(Summary)
"""Builds summaries from plain values: a list becomes the tuple that it was."""


def read_predictions(path: Path) -> dict[str, Summary]:
    """Return what an earlier run has written; a last line that a crash cut short is left out.

    Raises:
        InputError: another line is no prediction.
    """
    found: dict[str, Summary] = {}
    content = path.read_bytes() if path.is_file() else b""
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            row: dict[str, Any] = json.loads(line)
            key: str = row.pop("key")
            found[key] = _SUMMARY.validate_python(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}:{number} is no prediction of this version ({error!r}); remove the file"
            ) from error
    return found


def append_predictions(path: Path, found: Mapping[str, Summary]) -> None:
    """Append predictions durably, behind the last whole line.

    Raises:
        StorageError: the disk refused.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            _drop_cut_line(file.fileno())
            for key, summary in found.items():
                line = json.dumps({"key": key, **dataclasses.asdict(summary)}) + "\n"
                file.write(line.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())


def _drop_cut_line(handle: int) -> None:
    """Cut the file behind its last line feed; in most cases that is its end already."""
    size = os.fstat(handle).st_size
    end, step = size, 4096
    while end > 0:
        start = max(0, end - step)
        os.lseek(handle, start, os.SEEK_SET)
        place = os.read(handle, end - start).rfind(b"\n")
        if place >= 0:
            end = start + place + 1
            break
        end = start
    if end != size:
        os.ftruncate(handle, end)
