"""From a request for a job to a job: layers of settings, references, the check, the queue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from deepsynth.core.config import Config, merge, reason_of
from deepsynth.core.errors import DeepSynthError
from deepsynth.jobs import Job, Needs
from deepsynth.jobs.job import GRACE_SECONDS, new_job_id
from deepsynth.web.bodies import Body
from deepsynth.web.forms import as_command, as_yaml, verb_of
from deepsynth.web.services import Services
from deepsynth.workflows.catalog import Verb


class JobRequest(Body):
    """What is asked for: a kind, and settings over a preset over the defaults."""

    kind: Annotated[str, Field(max_length=60, examples=["training"])]
    name: Annotated[str, Field(max_length=200)] = ""
    preset: Annotated[str, Field(max_length=60)] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    grace_seconds: Annotated[float, Field(ge=1, le=3600)] = GRACE_SECONDS


def layered(services: Services, request: JobRequest, output: Path) -> tuple[Verb, Config]:
    """Return the verb and the whole settings of a request.

    Raises:
        SettingsError: a setting is unknown or wrong; its field is named.
        InputError: a reference leads nowhere, or a path is not one that jobs may read.
    """
    verb = verb_of(request.kind)
    given = merge(verb.preset_settings(request.preset), request.settings)
    return verb, verb.config_class().parse(services.references.resolve(verb, given, output)).completed()


def create(services: Services, request: JobRequest, key: str | None) -> tuple[Job, bool]:
    """Queue a job and return it, and whether it is new.

    Raises:
        DeepSynthError: as `layered`; or the key was used for another request.
    """
    identity = new_job_id()
    place = services.place.artifacts / identity
    verb, config = layered(services, request, place)
    values = config.model_dump(mode="json")
    assert verb.job is not None
    output = str(place) if verb.job.output else ""
    folder = services.executor.folder(identity)
    folder.create(request.kind, values, output)
    job = services.store.create_job(
        request.kind,
        values,
        job_id=identity,
        name=request.name or verb.name,
        output=output,
        parent=parent_of(services, values),
        needs=needs_of(services, verb),
        grace_seconds=request.grace_seconds,
        idempotency_key=key,
        request_hash=hashlib.sha256(json.dumps(request.model_dump(), sort_keys=True).encode()).hexdigest(),
    )
    if job.id != identity:  # the key was known: the folder of this try is not needed
        folder.discard()
    services.scheduler.wake()
    return job, job.id == identity


def check(services: Services, request: JobRequest) -> dict[str, Any]:
    """Return what would run and what it would take; settings that are wrong are listed, not raised."""
    output = services.place.artifacts / "new"
    try:
        verb, config = layered(services, request, output)
    except DeepSynthError as error:
        empty: dict[str, Any] = {"cli": "", "yaml": "", "settings": {}, "warnings": []}
        unknown = services.estimates.unknown("the settings are not complete")
        return {"ok": False, "errors": errors_of(error), **empty, **unknown}
    values = config.model_dump(mode="json")
    assert verb.job is not None
    estimates = services.estimates.all(request.kind, values)
    # on a terminal one chooses the folder oneself
    if verb.job.output:
        config = config.override({verb.job.output: getattr(verb.config_class()(), verb.job.output)})
    return {
        "ok": True,
        "errors": [],
        "cli": as_command(verb, config, request.preset),
        "yaml": as_yaml(verb, config),
        "settings": values,
        **estimates,
        "warnings": [
            f"{name}: {found['basis']}" for name in ("memory", "disk") if (found := estimates[name])["fits"] is False
        ],
    }


def errors_of(error: DeepSynthError) -> list[dict[str, str | None]]:
    """Return every wrong setting that an error speaks of, each with its field."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return [{"field": error.field, "detail": str(error)}]
    return [{"field": ".".join(map(str, item["loc"])) or None, "detail": reason_of(item)} for item in cause.errors()]


def parent_of(services: Services, config: Mapping[str, Any]) -> str:
    """Return the job whose result these settings start from, if any."""
    data = config.get("data")
    inner: Any = cast("dict[str, Any]", data).get("path") if isinstance(data, dict) else data
    for value in (config.get("model"), config.get("checkpoint"), inner, config.get("source")):
        owner = services.inventory.owner(Path(value)) if isinstance(value, str) and value.startswith("/") else None
        if owner is not None:
            return owner
    return ""


def needs_of(services: Services, verb: Verb) -> Needs:
    """Return what a job of this verb holds: a slot, and an accelerator where it uses one and there is one."""
    assert verb.job is not None
    return Needs(cpu=1, gpu=int(verb.job.accelerator and services.scheduler.most("gpu") > 0))
