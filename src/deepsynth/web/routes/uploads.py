"""Uploads: raw bodies that jobs can read, with the pictures of their pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from deepsynth.core.errors import InputError
from deepsynth.web import confined
from deepsynth.web.errors import ConflictError
from deepsynth.web.removing import in_use
from deepsynth.web.routes.parameters import PNG, Identity, Message, PageNumber, png_answer
from deepsynth.web.services import Services, Wired
from deepsynth.web.uploads import TYPES

router = APIRouter(tags=["data"])


class Uploads(BaseModel):
    """Uploads, newest first."""

    uploads: list[dict[str, Any]]


class OneUpload(BaseModel):
    """An upload."""

    upload: dict[str, Any]


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
        raise InputError(f"upload {upload_id} has no pages: only PDF files and pictures have some")
    return png_answer(confined.draw_page(file, number, width))


def _has_pages(values: dict[str, Any]) -> bool:
    return values["media_type"] == "application/pdf" or values["media_type"].startswith("image/")


def _count(services: Services, upload_id: str, values: dict[str, Any]) -> int | None:
    return confined.count_pages(services.uploads.content(upload_id)) if _has_pages(values) else None
