"""Jobs: list, create, show, rename, delete; pause, resume and cancel them; the order of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field

from deepsynth.jobs import Job, JobStatus
from deepsynth.web import forms, requests
from deepsynth.web.answers import JobAnswer, JobDetail, ProgressAnswer, job_values, progress_answer
from deepsynth.web.bodies import Body
from deepsynth.web.requests import JobRequest
from deepsynth.web.routes.parameters import Identity, Kind, Limit
from deepsynth.web.services import Services, Wired
from deepsynth.workflows.catalog import job_kinds
from deepsynth.workflows.jobs import delete_job

router = APIRouter(tags=["jobs"])


class Jobs(BaseModel):
    """A stretch of the list."""

    jobs: list[JobAnswer]
    total: int
    next: str | None


class OneJob(BaseModel):
    """A job with its settings."""

    job: JobDetail
    progress: ProgressAnswer


class Asked(BaseModel):
    """What came of a request."""

    job_id: str
    status: str
    state: JobStatus
    message: str
    job: JobAnswer


class Renamed(BaseModel):
    """A job under its new name."""

    job: JobAnswer


class Deleted(BaseModel):
    """What was deleted."""

    job_id: str
    message: str


class OldProgress(BaseModel):
    """Progress in the words of the earlier service."""

    job_id: str
    status: str
    state: JobStatus
    total_samples: int | None
    processed_samples: int
    progress_percentage: float | None
    created_at: str
    updated_at: str
    status_message: str
    last_error: str | None


class Queue(BaseModel):
    """The waiting jobs in order."""

    jobs: list[JobAnswer]


class Order(Body):
    """Waiting jobs that shall come first, in this order."""

    order: list[Annotated[str, Field(pattern="^[0-9a-f]{16}$")]] = Field(
        max_length=200, json_schema_extra={"uniqueItems": True}
    )


class Name(Body):
    """Another name."""

    name: str = Field(min_length=1, max_length=200)


class Cancel(Body):
    """How to cancel."""

    save: bool = True


@router.get("/api/jobs", response_model=Jobs)
def list_jobs(
    services: Wired,
    type: Annotated[list[Kind] | None, Query(max_length=20)] = None,
    state: Annotated[list[JobStatus] | None, Query(max_length=20)] = None,
    limit: Limit = 50,
    cursor: Annotated[str, Query(pattern=r"^\d{0,15}$")] = "",
) -> dict[str, Any]:
    """List jobs, newest first."""
    kinds, statuses = type or [], state or []
    found = services.store.list_jobs(
        kinds=kinds, statuses=statuses, limit=limit + 1, before=int(cursor) if cursor else None
    )
    more = len(found) > limit
    return {
        "jobs": described(services, found[:limit]),
        "total": services.store.count_jobs(kinds=kinds, statuses=statuses),
        "next": str(found[limit - 1].number) if more else None,
    }


@router.post("/api/jobs", response_model=Asked, status_code=201)
def create_job(
    services: Wired,
    body: JobRequest,
    response: Response,
    idempotency_key: Annotated[str, Header(min_length=8, max_length=128, pattern=r"^[\x21-\x7e]+$")] = "",
) -> dict[str, Any]:
    """Queue a job; the same `Idempotency-Key` gives the same job again."""
    job, new = requests.create(services, body, idempotency_key or None)
    response.status_code = 201 if new else 200
    return asked(services, job, f"{job.kind} is queued" if new else "this request had made this job before")


@router.get("/api/queue", response_model=Queue)
def show_queue(services: Wired) -> dict[str, Any]:
    """List the waiting jobs in the order in which they will start."""
    return {"jobs": described(services, services.store.queue.waiting())}


@router.put("/api/queue", response_model=Queue)
def order_queue(services: Wired, body: Order) -> dict[str, Any]:
    """Put waiting jobs first, in this order."""
    return {"jobs": described(services, services.store.queue.reorder(body.order))}


@router.get("/api/jobs/{job_id:id}", response_model=OneJob)
def show_job(services: Wired, job_id: Identity) -> dict[str, Any]:
    """Return a job with its settings, as a tree, as YAML and as a command line."""
    job = services.store.get_job(job_id)
    (values,) = described(services, [job])
    return {"job": {**values, **settings_of(job)}, "progress": progress_answer(job.progress)}


@router.patch("/api/jobs/{job_id:id}", response_model=Renamed)
def rename_job(services: Wired, job_id: Identity, body: Name) -> dict[str, Any]:
    """Give a job another name."""
    return {"job": described(services, [services.store.rename(job_id, body.name)])[0]}


@router.delete("/api/jobs/{job_id:id}", response_model=Deleted)
def remove_job(services: Wired, job_id: Identity, artifacts: Literal["keep", "delete"] = "keep") -> dict[str, Any]:
    """Delete a job of which nothing is alive, and with `artifacts=delete` the folder that it wrote."""
    job = services.store.get_job(job_id)
    delete_job(services.store, services.place, job_id, artifacts=artifacts == "delete")
    services.scheduler.wake()
    written = "" if not job.output else f"; {job.output} is kept" if artifacts == "keep" else f", and {job.output}"
    return {"job_id": job_id, "message": f"deleted job {job_id}, its log and its settings{written}"}


@router.get("/api/jobs/{job_id:id}/progress", response_model=OldProgress)
def show_progress(services: Wired, job_id: Identity) -> dict[str, Any]:
    """Return how far a job is, in the words of the earlier service."""
    job = services.store.get_job(job_id)
    values, told = job_values(job), progress_answer(job.progress)
    return {
        "job_id": job.id,
        "status": values["status"],
        "state": values["state"],
        "total_samples": told.total,
        "processed_samples": told.done,
        "progress_percentage": None if told.fraction is None else 100 * told.fraction,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "status_message": told.message,
        "last_error": job.reason if job.status in (JobStatus.FAILED, JobStatus.INTERRUPTED) else None,
    }


@router.post("/api/jobs/{job_id:id}/pause", response_model=Asked, status_code=202)
def pause_job(services: Wired, job_id: Identity) -> dict[str, Any]:
    """Ask a job to save and stop; one that waits is held."""
    return asked(services, services.store.request(job_id, "pause"))


@router.post("/api/jobs/{job_id:id}/resume", response_model=Asked, status_code=202)
def resume_job(services: Wired, job_id: Identity) -> dict[str, Any]:
    """Put a paused, failed or interrupted job back into the queue; it goes on from its newest whole checkpoint."""
    job = services.store.request(job_id, "resume")
    services.scheduler.wake()
    return asked(services, job)


@router.post("/api/jobs/{job_id:id}/cancel", response_model=Asked, status_code=202)
def cancel_job(services: Wired, job_id: Identity, body: Cancel | None = None) -> dict[str, Any]:
    """Stop a job for good; it saves first unless told otherwise."""
    return asked(services, services.store.request(job_id, "cancel", save=body is None or body.save))


def described(services: Services, jobs: list[Job]) -> list[dict[str, Any]]:
    """Return jobs as answers, the waiting ones with their place."""
    waiting = any(job.status is JobStatus.QUEUED for job in jobs)
    places = {job.id: place for place, job in enumerate(services.store.queue.waiting(), 1)} if waiting else {}
    return [job_values(job, places.get(job.id)) for job in jobs]


def asked(services: Services, job: Job, message: str | None = None) -> dict[str, Any]:
    """Return what came of a request."""
    (values,) = described(services, [job])
    words = message or f"job {job.id} is {job.status}"
    return {"job_id": job.id, "status": values["status"], "state": values["state"], "message": words, "job": values}


def settings_of(job: Job) -> Mapping[str, Any]:
    """Return a job's settings in three shapes; only the tree when this version no longer knows them."""
    verb = job_kinds().get(job.kind)
    if verb is None:
        return {"config": dict(job.config), "cli": "", "yaml": ""}
    config = verb.config_class().parse(job.config)
    return {"config": dict(job.config), "cli": forms.as_command(verb, config), "yaml": forms.as_yaml(verb, config)}
