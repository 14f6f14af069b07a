"""What a job has said and written: its moves, log, metrics, samples, report and files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel

from deepsynth.jobs import logs
from deepsynth.jobs.folder import metrics_file
from deepsynth.web.curves import read_curves
from deepsynth.web.errors import UnknownThingError
from deepsynth.web.outputs import find_file, list_files, read_samples, read_system
from deepsynth.web.routes.parameters import Identity, Limit, Offset
from deepsynth.web.services import Wired

router = APIRouter(tags=["jobs"])


class LogPart(BaseModel):
    """A stretch of a log."""

    text: str
    offset: int
    next_offset: int
    size: int


class Curves(BaseModel):
    """Metrics by name, each a list of [step, value]."""

    series: dict[str, list[list[float | None]]]
    cursor: str
    reset: bool
    total: int


class SystemPoints(BaseModel):
    """Memory and processor time of a job's processes."""

    points: list[dict[str, float | None]]
    next: int


class Moves(BaseModel):
    """A job's history."""

    events: list[dict[str, Any]]


class Samples(BaseModel):
    """What the model wrote, beside what it should have."""

    samples: list[dict[str, Any]]


class Files(BaseModel):
    """Files of a job."""

    files: list[dict[str, Any]]
    truncated: bool


@router.get("/api/jobs/{job_id:id}/events", response_model=Moves)
def show_moves(services: Wired, job_id: Identity) -> dict[str, Any]:
    """Return a job's moves, with their times and reasons."""
    services.store.get_job(job_id)
    found = services.store.events(job_id=job_id)
    names = ("seq", "at", "attempt", "reason")
    return {"events": [{**{name: row[name] for name in names}, "state": row["status"]} for row in found]}


@router.get("/api/jobs/{job_id:id}/logs", response_model=LogPart)
def show_log(
    services: Wired,
    job_id: Identity,
    offset: Annotated[int, Query(ge=-(2**40), le=2**40)] = 0,
    limit: Annotated[int, Query(ge=1, le=2**20)] = 65536,
) -> Any:
    """Return a stretch of what a job has printed; a negative offset counts from the end."""
    return logs.read(services.executor.folder(services.store.get_job(job_id).id).log, offset, limit)


@router.get("/api/jobs/{job_id:id}/metrics", response_model=Curves)
def show_metrics(
    services: Wired,
    job_id: Identity,
    cursor: Annotated[str, Query(max_length=40)] = "",
    max_points: Annotated[int, Query(ge=10, le=20_000)] = 2000,
    names: Annotated[str, Query(max_length=2000)] = "",
) -> Any:
    """Return a run's curves, all or those of `names` (commas between): thinned, or what is new since `cursor`."""
    job = services.store.get_job(job_id)
    return read_curves(metrics_file(job.output), cursor, max_points=max_points, names=names.split(",") if names else ())


@router.get("/api/jobs/{job_id:id}/system", response_model=SystemPoints)
def show_system(services: Wired, job_id: Identity, after: Offset = 0) -> dict[str, Any]:
    """Return memory and processor use of a job's processes, from sample `after` of this attempt on."""
    job = services.store.get_job(job_id)
    points = read_system(services.executor.folder(job_id).attempt(job.attempt) / "system.jsonl")
    return {"points": points[after:], "next": max(after, len(points))}


@router.get("/api/jobs/{job_id:id}/samples", response_model=Samples)
def show_samples(services: Wired, job_id: Identity, limit: Limit = 50) -> dict[str, Any]:
    """Return summaries that were written while training, by step, or those of an evaluation."""
    job = services.store.get_job(job_id)
    return {"samples": read_samples(job, limit)}


@router.get("/api/jobs/{job_id:id}/report", response_model=dict[str, Any])
def show_report(services: Wired, job_id: Identity) -> Any:
    """Return the report of an evaluation or a frontier."""
    job = services.store.get_job(job_id)
    path = find_file(job, "report.json") or find_file(job, "frontier.json")
    if path is None:
        raise UnknownThingError(f"job {job_id} has written no report; evaluations and frontiers write one at their end")
    return FileResponse(path, media_type="application/json")


@router.get("/api/jobs/{job_id:id}/files", response_model=Files)
def show_files(services: Wired, job_id: Identity) -> dict[str, Any]:
    """List the files that a job has written."""
    files, truncated = list_files(services.store.get_job(job_id))
    return {"files": [file.values() for file in files], "truncated": truncated}


@router.get(
    "/api/jobs/{job_id:id}/files/{file_id:id}",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "a part"},
        416: {"description": "no such part"},
    },
)
def download_file(services: Wired, job_id: Identity, file_id: Identity) -> FileResponse:
    """Return a file that a job has written, as a download; pictures may be shown in place."""
    files, _ = list_files(services.store.get_job(job_id))
    file = next((file for file in files if file.id == file_id), None)
    if file is None:
        raise UnknownThingError(f"job {job_id} has no file {file_id}; list them to see what there is")
    shown = file.media_type in ("image/png", "image/jpeg", "image/webp")
    return FileResponse(
        file.path,
        media_type=file.media_type,
        filename=file.path.name,
        content_disposition_type="inline" if shown else "attachment",
    )
