"""The machine, the Hub's login, the audit, saved comparisons, and whether all is well."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from deepsynth import __version__
from deepsynth.core.errors import DeepSynthError, InputError
from deepsynth.jobs.executor import executors
from deepsynth.jobs.machine import accelerators, disk_free, memory_available, memory_limit
from deepsynth.web.gate import JSON_BYTES
from deepsynth.web.routes.parameters import Limit
from deepsynth.web.services import Services, Wired

router = APIRouter(tags=["system"])
TRACKERS = ("tensorboard", "trackio", "mlflow", "wandb")


class Health(BaseModel):
    """That the process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """What works and what does not."""

    ready: bool
    checks: dict[str, str]


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
    machines: dict[str, dict[str, int]]
    limits: dict[str, int]
    login_required: bool
    trackers: dict[str, bool]
    engines: dict[str, bool]


class Hub(BaseModel):
    """The login at the Hub, without its token."""

    present: bool
    user: str | None
    source: str | None
    checked: bool
    keyring: bool


class HubToken(BaseModel):
    """A token, on its only way: in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str = Field(min_length=8, max_length=200)
    remember: bool = False


class Audit(BaseModel):
    """Who changed what."""

    entries: list[dict[str, Any]]


class Comparison(BaseModel):
    """A saved comparison."""

    model_config = ConfigDict(extra="forbid", strict=True)

    jobs: list[Annotated[str, Field(pattern="^[0-9a-f]{16}$")]] = Field(max_length=50)
    view: dict[str, Any] = Field(default_factory=dict)


class Comparisons(BaseModel):
    """Every saved comparison."""

    comparisons: list[dict[str, Any]]


ComparisonName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,79}$")]


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
    return "ok" if services.scheduler.is_anybodys else "nobody runs the queue: start deepsynth worker"


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
        "cpus": _processors(),
        "memory_bytes": memory_limit(),
        "memory_available_bytes": memory_available(),
        "disk_free_bytes": disk_free(services.place.state_dir),
        "gpus": [asdict(item) for item in accelerators()],
        "slots": services.scheduler.capacity,
        "leases": services.store.queue.leases(services.place.host),
        "host": services.place.host,
        "machines": services.scheduler.machines(),
        "limits": {
            "upload_bytes": config.upload_bytes,
            "quota_bytes": config.quota_bytes,
            "json_bytes": JSON_BYTES,
            "rows": 200,
        },
        "login_required": services.login.required,
        "trackers": {name: importlib.util.find_spec(name) is not None for name in TRACKERS},
        "engines": {"ray": importlib.util.find_spec("ray") is not None},
    }


def _processors() -> int:
    import os

    return os.cpu_count() or 1


@router.get("/api/hub", response_model=Hub)
def show_hub(services: Wired) -> dict[str, Any]:
    """Tell whether there is a token, and whose."""
    return services.hub.status()


@router.put("/api/hub/token", response_model=Hub)
def set_hub_token(services: Wired, body: HubToken) -> dict[str, Any]:
    """Take a token; it is never given back."""
    if not services.config.run_queue:
        raise InputError("a worker runs the jobs here: give it HF_TOKEN, or `hf auth login` there", field="token")
    if executors.get(services.config.executor).elsewhere:
        raise InputError("jobs run on other machines: give them HF_TOKEN, or `hf auth login` there", field="token")
    return services.hub.log_in(body.token, remember=body.remember)


@router.delete("/api/hub/token", response_model=Hub)
def forget_hub_token(services: Wired) -> dict[str, Any]:
    """Forget the token."""
    return services.hub.log_out()


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
