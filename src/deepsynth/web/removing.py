"""Deleting datasets and models: never what a job still needs, what is to stay, or what lies outside the state folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from deepsynth.core.files import folder_bytes
from deepsynth.jobs import JobStatus
from deepsynth.jobs.job import ACTIVE
from deepsynth.web.errors import ConflictError
from deepsynth.web.inventory import Found
from deepsynth.web.services import Services

MAY_RUN = frozenset({JobStatus.QUEUED, JobStatus.PAUSED, *ACTIVE})
"""States of jobs that still need what they read and write."""


def remove_folder(services: Services, found: Found) -> int:
    """Remove the folder of a dataset or model and return the bytes that are free again.

    Raises:
        ConflictError: it is kept, a job may still need it, or it lies outside the state folder.
    """
    if not found.path.is_relative_to(services.place.artifacts.resolve()):
        raise ConflictError(f"{found.path} was not made here; remove it by hand if it is not needed")
    if str(found.path) in services.records.kept():
        raise ConflictError(f"{found.path} is marked to be kept; unmark it first")
    user = in_use(services, found.path)
    if user is not None:
        raise ConflictError(f"job {user} may still need {found.path}; cancel or delete the job first")
    freed = folder_bytes(found.path)
    gone = found.path.with_name(f".{found.path.name}.deleted")
    found.path.replace(gone)  # at once for everybody who looks; the files follow
    shutil.rmtree(gone)
    return freed


def in_use(services: Services, path: Path) -> str | None:
    """Return a job that may still run and reads or writes at or below `path`, or none."""
    for job in services.store.list_jobs(statuses=MAY_RUN):
        for value in (*_paths(job.config), job.output):
            place = Path(value)
            if place == path or place.is_relative_to(path) or (value == job.output and path.is_relative_to(place)):
                return job.id
    return None


def _paths(values: Mapping[str, Any]) -> Iterator[str]:
    for value in values.values():
        if isinstance(value, Mapping):
            yield from _paths(cast("Mapping[str, Any]", value))
        elif isinstance(value, str) and value.startswith("/"):
            yield value
