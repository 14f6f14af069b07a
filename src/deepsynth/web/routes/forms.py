"""What a form for a job needs: the kinds and their settings, settings as text, and a check before the start."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepsynth.web import forms, requests
from deepsynth.web.bodies import Body
from deepsynth.web.requests import JobRequest
from deepsynth.web.services import Wired
from deepsynth.workflows.catalog import job_kinds

router = APIRouter(tags=["jobs"])


class Kinds(BaseModel):
    """What can be made, with the forms for it."""

    kinds: list[dict[str, Any]]


class SettingsText(Body):
    """Settings as text."""

    kind: str = Field(max_length=60)
    text: str = Field(max_length=500_000)


class ParsedSettings(BaseModel):
    """Settings as values: what the text says, and the whole tree."""

    settings: dict[str, Any]
    config: dict[str, Any]


class Check(BaseModel):
    """What would run, and what it would take."""

    ok: bool
    errors: list[dict[str, str | None]]
    cli: str
    yaml: str
    settings: dict[str, Any]
    memory: dict[str, Any]
    disk: dict[str, Any]
    time: dict[str, Any]
    pending: bool
    warnings: list[str]


@router.get("/api/kinds", response_model=Kinds)
def list_kinds() -> dict[str, Any]:
    """Return the kinds of jobs, each with the JSON Schema of its settings, its presets and its references."""
    return {"kinds": [forms.describe_kind(kind) for kind in job_kinds()]}


@router.post("/api/settings/parse", response_model=ParsedSettings)
def parse_settings(body: SettingsText) -> dict[str, Any]:
    """Read settings from YAML or JSON and check them."""
    settings = forms.parse_text(body.kind, body.text)
    config = forms.verb_of(body.kind).config_class().parse(settings)
    return {"settings": settings, "config": config.model_dump(mode="json")}


@router.post("/api/jobs/check", response_model=Check)
def check_job(services: Wired, body: JobRequest) -> dict[str, Any]:
    """Say what would run and what it would take; nothing is created."""
    return requests.check(services, body)
