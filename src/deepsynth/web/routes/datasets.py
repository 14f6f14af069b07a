"""Datasets: their settings and reports, their rows, and the pictures of their pages."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import read_json
from deepsynth.web import row_pages
from deepsynth.web.inventory import Found
from deepsynth.web.removing import remove_folder
from deepsynth.web.routes.parameters import PNG, Identity, Limit, Message, Offset, PageNumber, png_answer
from deepsynth.web.services import Wired

router = APIRouter(tags=["data"])
_SPLIT = r"^[A-Za-z0-9_-]{1,64}$"
Split = Annotated[str, Path(pattern=_SPLIT)]


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
    split: Annotated[str, Query(pattern=_SPLIT)] = "train",
    offset: Offset = 0,
    limit: Limit = 20,
) -> dict[str, Any]:
    """Return rows with their texts, what is odd about them, and the addresses of their pages."""
    found = services.inventory.dataset(dataset_id)
    rows = row_pages.open_split(found.path, _changed(found), split)
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
    return png_answer(row_pages.row_page(found.path, _changed(found), split, index, number))


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
