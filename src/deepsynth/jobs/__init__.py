"""What a job is, where it is kept and how it runs."""

from deepsynth.jobs import ray_jobs as _ray_jobs  # noqa: F401  # pyright: ignore[reportUnusedImport]  # registers itself
from deepsynth.jobs.job import IllegalMoveError, Job, JobStatus, Needs, UnknownJobError
from deepsynth.jobs.store import StateManager

__all__ = ["IllegalMoveError", "Job", "JobStatus", "Needs", "StateManager", "UnknownJobError"]
