"""Whether all is well, and what the machine has and the server allows."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from deepsynth import __version__
from deepsynth.core.errors import DeepSynthError
from deepsynth.jobs.machine import accelerators, disk_free, memory_available, memory_limit
from deepsynth.training.trackers import MODULES
from deepsynth.web.incoming import JSON_BYTES
from deepsynth.web.services import Services, Wired

router = APIRouter(tags=["system"])


class Health(BaseModel):
    """That the process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """What works and what does not."""

    ready: bool
    checks: dict[str, str]


class SharingMachine(BaseModel):
    """A machine that shares the queue."""

    name: str
    here: bool = Field(description="Whether this answer comes from it.")
    slots: dict[str, int]
    leases: dict[str, str] = Field(description="Resource to the job that holds it.")


class System(BaseModel):
    """The machine and the server's limits."""

    version: str
    state_dir: str
    folders: list[str]
    read_only: bool
    cpus: int
    memory_bytes: int
    memory_available_bytes: int
    disk_free_bytes: int
    gpus: list[dict[str, Any]]
    slots: dict[str, int]
    leases: dict[str, str]
    host: str
    machines: list[SharingMachine] = Field(description="Those that share the queue; none where nobody shares it.")
    limits: dict[str, int]
    login_required: bool
    trackers: dict[str, bool]


@router.get("/api/health", response_model=Health)
def health() -> dict[str, str]:
    """Tell that the process answers; needs no login."""
    return {"status": "ok"}


@router.get(
    "/api/ready", response_model=Ready, responses={503: {"model": Ready, "description": "something does not work"}}
)
def ready(services: Wired, request: Request, response: Response) -> dict[str, Any]:
    """Tell whether jobs can be stored, written and started, and whether the model for requests is usable."""
    checks = {
        "store": _check_store(services),
        "disk": "ok" if disk_free(services.place.state_dir) > services.config.free_bytes else "nearly full",
        "scheduler": _check_queue(services),
    }
    inference: Any = getattr(request.app.state, "inference", None)
    if inference is not None:
        checks["inference"] = "failed" if str(inference.state) == "failed" else "ok"
    good = all(value == "ok" for value in checks.values())
    response.status_code = 200 if good else 503
    return {"ready": good, "checks": checks}


def _check_queue(services: Services) -> str:
    if services.read_only:
        return "another server has it"
    return "ok" if services.scheduler.is_taken else "nobody runs the queue: start deepsynth worker"


def _check_store(services: Services) -> str:
    try:
        services.store.last_event()
    except DeepSynthError as error:
        return str(error)
    return "ok"


@router.get("/api/system", response_model=System)
def show_system(services: Wired) -> dict[str, Any]:
    """Return what the machine has and what the server allows."""
    config = services.config
    return {
        "version": __version__,
        "state_dir": str(services.place.state_dir),
        "folders": [str(folder) for folder in services.inventory.folders],
        "read_only": services.read_only,
        "cpus": os.cpu_count() or 1,
        "memory_bytes": memory_limit(),
        "memory_available_bytes": memory_available(),
        "disk_free_bytes": disk_free(services.place.state_dir),
        "gpus": [asdict(item) for item in accelerators()],
        "slots": services.scheduler.capacity,
        "leases": services.store.queue.leases(services.place.host),
        "host": services.place.host,
        "machines": _sharing_machines(services),
        "limits": {
            "upload_bytes": config.upload_bytes,
            "quota_bytes": config.quota_bytes,
            "json_bytes": JSON_BYTES,
            "rows": 200,
        },
        "login_required": services.login.required,
        "trackers": {name: importlib.util.find_spec(package) is not None for name, package in MODULES.items()},
    }


def _sharing_machines(services: Services) -> list[dict[str, Any]]:
    machines = services.scheduler.machines()
    held = services.store.machines.leases() if machines else {}
    here = services.place.host
    return [
        {"name": name, "here": name == here, "slots": slots, "leases": held.get(name, {})}
        for name, slots in machines.items()
    ]
