"""Models: presets of training, checkpoints, lineage, keeping and deleting."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepsynth.core.built_in import BUILT_IN
from deepsynth.jobs import Job, JobStatus
from deepsynth.jobs.folder import read_json
from deepsynth.web.answers import hub_repository
from deepsynth.web.bodies import Body
from deepsynth.web.forms import verb_of
from deepsynth.web.inventory import Found
from deepsynth.web.removing import remove_folder
from deepsynth.web.routes.parameters import Identity
from deepsynth.web.services import Services, Wired

router = APIRouter(tags=["models"])


class Presets(BaseModel):
    """The presets of training."""

    presets: dict[str, dict[str, Any]]


class Checkpoints(BaseModel):
    """Checkpoints of completed training jobs."""

    checkpoints: list[dict[str, Any]]


class Models(BaseModel):
    """Models, the built-in ones first."""

    models: list[dict[str, Any]]


class OneModel(BaseModel):
    """A model."""

    model: dict[str, Any]


class Keep(Body):
    """Whether a model must stay."""

    keep: bool


class Ids(Body):
    """Several models."""

    ids: list[str] = Field(max_length=200)


class DeletedModels(BaseModel):
    """What was deleted."""

    deleted: list[str]
    freed_bytes: int


@router.get("/api/training/presets", response_model=Presets)
def list_presets() -> dict[str, Any]:
    """Return the presets of training: what each sets, and the values that people ask for first."""
    verb = verb_of("training")
    presets: dict[str, Any] = {}
    for name, values in verb.preset_table().items():
        config: Any = verb.config_class().parse(values)
        presets[name] = {
            "settings": values,
            "batch_size": config.batch_size,
            "num_epochs": config.num_epochs,
            "learning_rate": config.optimizer.learning_rate,
            "gradient_accumulation_steps": config.gradient_accumulation_steps,
            "warmup_steps": config.optimizer.warmup_steps,
            "save_interval": config.save_interval,
        }
    return {"presets": presets}


@router.get("/api/training/checkpoints", response_model=Checkpoints)
def list_checkpoints(services: Wired) -> dict[str, Any]:
    """Return the checkpoints of completed training jobs."""
    jobs = services.store.list_jobs(kinds=["training"], statuses=[JobStatus.SUCCEEDED])
    models = services.inventory.models()
    return {"checkpoints": [_of_job(job, [model for model in models if model.job_id == job.id]) for job in jobs]}


@router.get("/api/models", response_model=Models)
def list_models(services: Wired) -> dict[str, Any]:
    """List the built-in sizes, then checkpoints, merged, averaged and exported models, newest first."""
    return {"models": [*map(_built_in, BUILT_IN), *_described(services, services.inventory.models())]}


@router.get("/api/models/{model_id:id}", response_model=OneModel)
def show_model(services: Wired, model_id: Identity) -> dict[str, Any]:
    """Return a model with its configuration and its files."""
    found = services.inventory.model(model_id)
    (values,) = _described(services, [found])
    files = [
        {"path": path.name, "bytes": path.stat().st_size} for path in sorted(found.path.iterdir()) if path.is_file()
    ]
    return {"model": {**values, "config": read_json(found.path / "config.json"), "files": files}}


@router.patch("/api/models/{model_id:id}", response_model=OneModel)
def keep_model(services: Wired, model_id: Identity, body: Keep) -> dict[str, Any]:
    """Mark a model to be kept, or not any more."""
    found = services.inventory.model(model_id)
    services.records.keep(str(found.path), wanted=body.keep)
    return {"model": _described(services, [found])[0]}


@router.delete("/api/models/{model_id:id}", response_model=DeletedModels)
def delete_model(services: Wired, model_id: Identity) -> dict[str, Any]:
    """Delete a model that is not kept and that no job needs any more."""
    return {"deleted": [model_id], "freed_bytes": remove_folder(services, services.inventory.model(model_id))}


@router.post("/api/models/delete", response_model=DeletedModels)
def delete_models(services: Wired, body: Ids) -> dict[str, Any]:
    """Delete several models; the first that must stay ends it, and those before it are gone."""
    found = [services.inventory.model(identity) for identity in dict.fromkeys(body.ids)]
    return {"deleted": [item.id for item in found], "freed_bytes": sum(remove_folder(services, item) for item in found)}


def _built_in(name: str) -> dict[str, Any]:
    empty = dict.fromkeys(("path", "job_id", "step", "created_at", "base", "loss"))
    facts = {"kind": "built-in", "bytes": 0, "adapter": False, "whole": True, "keep": True}
    return {"id": name, "name": name, "reference": name, **empty, **facts}


def _described(services: Services, models: list[Found]) -> list[dict[str, Any]]:
    kept = services.records.kept()
    known = {str(model.path): f"model:{model.id}" for model in services.inventory.models()}
    return [
        {
            "id": model.id,
            "job_id": model.job_id,
            "reference": f"model:{model.id}",
            **model.facts,
            "base": known.get(str(model.facts["base"]), model.facts["base"]),
            "keep": str(model.path) in kept,
        }
        for model in models
    ]


def _of_job(job: Job, models: list[Found]) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "model_name": str(job.config.get("model", "")),
        "output_path": job.output,
        "created_at": job.created_at,
        "checkpoints": [
            {
                "id": model.id,
                "name": model.path.name,
                "path": str(model.path),
                "step": model.facts["step"],
                "size_mb": round(model.facts["bytes"] / 2**20, 3),
            }
            for model in models
        ],
        "hf_model_repo": hub_repository(job.config),
    }
