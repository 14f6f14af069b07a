"""What the application notes beside jobs: the audit, and saved comparisons."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from deepsynth.web.bodies import Body
from deepsynth.web.routes.parameters import Limit
from deepsynth.web.services import Wired

router = APIRouter(tags=["system"])


class Audit(BaseModel):
    """Who changed what."""

    entries: list[dict[str, Any]]


class Comparison(Body):
    """A saved comparison."""

    jobs: list[Annotated[str, Field(pattern="^[0-9a-f]{16}$")]] = Field(max_length=50)
    view: dict[str, Any] = Field(default_factory=dict)


class Comparisons(BaseModel):
    """Every saved comparison."""

    comparisons: list[dict[str, Any]]


ComparisonName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,79}$")]


@router.get("/api/audit", response_model=Audit)
def show_audit(services: Wired, limit: Limit = 100) -> dict[str, Any]:
    """Return the newest requests that may have changed something."""
    return {"entries": services.records.audited(limit)}


@router.get("/api/comparisons", response_model=Comparisons)
def list_comparisons(services: Wired) -> dict[str, Any]:
    """Return the saved comparisons."""
    return {"comparisons": services.records.comparisons()}


@router.put("/api/comparisons/{name}", response_model=Comparisons)
def save_comparison(services: Wired, name: ComparisonName, body: Comparison) -> dict[str, Any]:
    """Save or replace a comparison."""
    services.records.save_comparison(name, body.model_dump())
    return {"comparisons": services.records.comparisons()}


@router.delete("/api/comparisons/{name}", response_model=Comparisons)
def delete_comparison(services: Wired, name: ComparisonName) -> dict[str, Any]:
    """Forget a comparison."""
    services.records.delete_comparison(name)
    return {"comparisons": services.records.comparisons()}
