"""What the HTTP API answers, as models: the one description that code, OpenAPI and tests share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from deepsynth.jobs import Job, JobStatus
from deepsynth.jobs.job import ACTIVE, actions

OLD_WORDS: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "pending",
    **dict.fromkeys(ACTIVE, "in_progress"),
    JobStatus.SUCCEEDED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.INTERRUPTED: "failed",
    JobStatus.PAUSED: "paused",
    JobStatus.CANCELLED: "cancelled",
}
"""What `status` says, in the words of the earlier service; `state` has the exact state."""


class ProgressAnswer(BaseModel):
    """How far a job is."""

    done: int = 0
    total: int | None = None
    message: str = ""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    fraction: float | None = None
    per_second: float | None = None
    seconds_left: float | None = None
    at: str | None = None


class JobAnswer(BaseModel):
    """A job, in lists and events."""

    job_id: str
    job_type: str
    name: str
    status: Literal["pending", "in_progress", "completed", "failed", "paused", "cancelled"]
    state: JobStatus
    reason: str
    attempt: int
    position: int | None = Field(description="Place in the queue, from 1, while it waits.")
    created_at: str
    updated_at: str
    started_at: str | None
    ended_at: str | None
    progress: ProgressAnswer
    metrics: dict[str, float | None]
    actions: list[str] = Field(description="What may be asked for now.")
    automatic_resumes: int
    host: str = Field(description="The machine that runs it, where several share the store.")
    resources: list[str]
    output_path: str | None
    model_output_path: str | None
    hf_dataset_repo: str | None
    parent: str | None
    result: dict[str, str] | None


class JobDetail(JobAnswer):
    """A job with its settings."""

    config: dict[str, Any]
    cli: str
    yaml: str


def progress_answer(values: Mapping[str, Any]) -> ProgressAnswer:
    """Return what a job has last told, with its share done."""
    told = ProgressAnswer.model_validate(dict(values))
    return told.model_copy(update={"fraction": min(1.0, told.done / told.total) if told.total else None})


def job_values(job: Job, position: int | None = None) -> dict[str, Any]:
    """Return a job's part of every answer about it."""
    progress = progress_answer(job.progress)
    return {
        "job_id": job.id,
        "job_type": job.kind,
        "name": job.name,
        "status": OLD_WORDS[job.status],
        "state": str(job.status),
        "reason": job.reason,
        "attempt": job.attempt,
        "position": position if job.status is JobStatus.QUEUED else None,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at or None,
        "ended_at": job.ended_at or None,
        "progress": progress.model_dump(),
        "metrics": progress.metrics,
        "actions": actions(job.status),
        "automatic_resumes": job.automatic_resumes,
        "host": job.host,
        "resources": list(job.leases),
        "output_path": job.output or None,
        "model_output_path": job.output if job.kind == "training" else None,
        "hf_dataset_repo": hub_repository(job.config),
        "parent": job.parent or None,
        "result": {"text": job.result} if job.result else None,
    }


def hub_repository(config: Mapping[str, Any]) -> str | None:
    """Return the repository on the Hub that a job writes to, if its settings name one."""
    group = config.get("hub")
    inner: Mapping[str, Any] = cast("Mapping[str, Any]", group) if isinstance(group, Mapping) else {}
    found = config.get("repo") or inner.get("repo")
    return found if isinstance(found, str) and found else None
