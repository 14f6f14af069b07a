"""Datasets and uploads, with the pictures of their pages."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from deepsynth.core.errors import InputError
from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import read_json
from deepsynth.web import pages
from deepsynth.web.errors import ConflictError
from deepsynth.web.inventory import Found
from deepsynth.web.removing import in_use, remove_folder
from deepsynth.web.routes.parameters import Identity, Limit, Offset
from deepsynth.web.services import Wired
from deepsynth.web.uploads import TYPES

router = APIRouter(tags=["data"])
PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}
Split = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
PageNumber = Annotated[int, Path(ge=0, le=10**6)]


class Datasets(BaseModel):
    """Datasets, newest first."""

    datasets: list[dict[str, Any]]


class OneDataset(BaseModel):
    """A dataset with its settings, its report and its card."""

    dataset: dict[str, Any]


class Rows(BaseModel):
    """Rows of a split."""

    rows: list[dict[str, Any]]
    total: int


class Rejected(BaseModel):
    """Rows that were kept out."""

    rejected: list[dict[str, Any]]
    total: int
    reasons: dict[str, int]


class Message(BaseModel):
    """What was done."""

    message: str


class Uploads(BaseModel):
    """Uploads, newest first."""

    uploads: list[dict[str, Any]]


class OneUpload(BaseModel):
    """An upload."""

    upload: dict[str, Any]


@router.get("/api/datasets", response_model=Datasets)
def list_datasets(services: Wired) -> dict[str, Any]:
    """List the datasets of jobs and of the configured folders."""
    return {"datasets": [_values(found) for found in services.inventory.datasets()]}


@router.get("/api/datasets/generated", response_model=Datasets)
def list_generated(services: Wired) -> dict[str, Any]:
    """List the datasets that completed jobs have made."""
    jobs = services.store.list_jobs(kinds=["dataset"], statuses=[JobStatus.SUCCEEDED])
    made = {job.id: job for job in jobs}
    return {
        "datasets": [
            {**_values(found), "name": made[found.job_id].name}
            for found in services.inventory.datasets()
            if found.job_id in made and found.facts["whole"]
        ]
    }


@router.get("/api/datasets/{dataset_id:id}", response_model=OneDataset)
def show_dataset(services: Wired, dataset_id: Identity) -> dict[str, Any]:
    """Return a dataset with its settings, its report and its card."""
    found = services.inventory.dataset(dataset_id)
    card = found.path / "README.md"
    more = {
        "settings": read_json(found.path / "dataset.json"),
        "report": read_json(found.path / "report.json"),
        "card": card.read_text(encoding="utf-8") if card.is_file() else "",
    }
    return {"dataset": {**_values(found), **more}}


@router.delete("/api/datasets/{dataset_id:id}", response_model=Message)
def delete_dataset(services: Wired, dataset_id: Identity) -> dict[str, str]:
    """Delete a dataset below the state folder that no job needs any more."""
    found = services.inventory.dataset(dataset_id)
    freed = remove_folder(services, found)
    return {"message": f"deleted {found.path}; {freed} bytes are free again"}


@router.get("/api/datasets/{dataset_id:id}/rows", response_model=Rows)
def list_rows(
    services: Wired,
    dataset_id: Identity,
    split: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "train",
    offset: Offset = 0,
    limit: Limit = 20,
) -> dict[str, Any]:
    """Return rows with their texts, what is odd about them, and the addresses of their pages."""
    found = services.inventory.dataset(dataset_id)
    rows = pages.open_split(found.path, _changed(found), split)
    numbers = range(offset, min(len(rows), offset + limit))
    return {"rows": [_row(dataset_id, split, rows, number) for number in numbers], "total": len(rows)}


@router.get("/api/datasets/{dataset_id:id}/rejected", response_model=Rejected)
def list_rejected(services: Wired, dataset_id: Identity, offset: Offset = 0, limit: Limit = 50) -> dict[str, Any]:
    """Return the rows that were kept out, with their reasons."""
    found = services.inventory.dataset(dataset_id)
    path = found.path / "rejected.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    report = read_json(found.path / "report.json") or {}
    part = [json.loads(line) for line in lines[offset : offset + limit]]
    return {"rejected": part, "total": len(lines), "reasons": report.get("rejected", {})}


@router.get(
    "/api/datasets/{dataset_id:id}/rows/{split}/{index}/pages/{number}.png", response_class=Response, responses=PNG
)
def show_row_page(
    services: Wired, dataset_id: Identity, split: Split, index: PageNumber, number: PageNumber
) -> Response:
    """Return a page of a row."""
    found = services.inventory.dataset(dataset_id)
    content = pages.row_page(found.path, _changed(found), split, index, number)
    return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


def _schema(media_type: str) -> dict[str, Any]:
    """Return the schema of an upload: JSON is any value, all else bytes."""
    return {} if media_type == "application/json" else {"type": "string", "format": "binary", "minLength": 1}


@router.post(
    "/api/uploads",
    response_model=OneUpload,
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {name: {"schema": _schema(name)} for name in TYPES},
        }
    },
)
async def upload(
    services: Wired, request: Request, name: Annotated[str, Query(max_length=200)] = "upload"
) -> dict[str, Any]:
    """Take a raw body of one of the listed types."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    values = await services.uploads.receive(aiter(request.stream()), media_type, name)
    return {"upload": {**values, "pages": None}}


@router.get("/api/uploads", response_model=Uploads)
def list_uploads(services: Wired) -> dict[str, Any]:
    """List the uploads."""
    return {"uploads": [{"pages": None, **values} for values in services.uploads.list()]}


@router.get("/api/uploads/{upload_id:id}", response_model=OneUpload)
def show_upload(services: Wired, upload_id: Identity) -> dict[str, Any]:
    """Return an upload; the pages of a PDF or a picture are counted the first time."""
    values = services.uploads.get(upload_id)
    if "pages" not in values:
        values = services.uploads.describe(upload_id, {"pages": _count(services, upload_id, values)})
    return {"upload": values}


@router.delete("/api/uploads/{upload_id:id}", response_model=Message)
def delete_upload(services: Wired, upload_id: Identity) -> dict[str, str]:
    """Delete an upload that no job needs any more."""
    folder = services.uploads.content(upload_id).parent
    user = in_use(services, folder)
    if user is not None:
        raise ConflictError(f"job {user} still reads it; cancel or delete the job first")
    services.uploads.delete(upload_id)
    return {"message": f"deleted upload {upload_id}"}


@router.get("/api/uploads/{upload_id:id}/pages/{number}.png", response_class=Response, responses=PNG)
def show_upload_page(
    services: Wired, upload_id: Identity, number: PageNumber, width: Annotated[int, Query(ge=16, le=2000)] = 640
) -> Response:
    """Return a page of an uploaded PDF or picture, drawn in a process with narrow limits."""
    file = services.uploads.content(upload_id)
    if not _has_pages(services.uploads.get(upload_id)):
        raise InputError("only PDF files and pictures have pages")
    content = pages.draw_confined(file, number, width)
    return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


def _has_pages(values: dict[str, Any]) -> bool:
    return values["media_type"] == "application/pdf" or values["media_type"].startswith("image/")


def _count(services: Any, upload_id: str, values: dict[str, Any]) -> int | None:
    return pages.count_confined(services.uploads.content(upload_id)) if _has_pages(values) else None


def _values(found: Found) -> dict[str, Any]:
    return {"id": found.id, "job_id": found.job_id, "reference": f"dataset:{found.id}", **found.facts}


def _changed(found: Found) -> int:
    return (found.path / "dataset.json").stat().st_mtime_ns


def _row(dataset_id: str, split: str, rows: Any, number: int) -> dict[str, Any]:
    row = rows.row(number)
    count = len(rows.pages(number)) or 1
    summary = row.summary or ""
    return {
        "index": number,
        "id": row.id,
        "text": row.text,
        "summary": row.summary,
        "language": row.language,
        "source": row.source,
        "characters": len(row.text or ""),
        "summary_characters": len(summary),
        "flags": _flags(row.text or "", summary),
        "pages": [f"api/datasets/{dataset_id}/rows/{split}/{number}/pages/{page}.png" for page in range(count)],
    }


def _flags(text: str, summary: str) -> list[str]:
    """Return what is odd about a row, in words."""
    found: list[str] = []
    if not summary:
        found.append("no summary")
    elif summary in text:
        found.append("the summary stands word for word in the text")
    if summary and len(summary) > len(text):
        found.append("the summary is longer than the text")
    if "\ufffd" in text or "\ufffd" in summary:
        found.append("broken characters")
    return found
