"""Everything that routes need, wired in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from deepsynth.jobs import StateManager
from deepsynth.jobs.executor import LocalExecutor
from deepsynth.jobs.machine import accelerators
from deepsynth.jobs.place import Place, find_place
from deepsynth.jobs.scheduler import Scheduler
from deepsynth.jobs.secrets import TokenFiles
from deepsynth.web.config import WebConfig
from deepsynth.web.estimates import Estimates
from deepsynth.web.events import Events
from deepsynth.web.hub import HubLogin
from deepsynth.web.inventory import Inventory
from deepsynth.web.login import Login
from deepsynth.web.records import Records
from deepsynth.web.references import References
from deepsynth.web.uploads import Uploads


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What the application is made of."""

    config: WebConfig
    place: Place
    store: StateManager
    records: Records
    executor: LocalExecutor
    scheduler: Scheduler
    events: Events
    inventory: Inventory
    references: References
    uploads: Uploads
    estimates: Estimates
    hub: HubLogin
    login: Login


def make_services(
    config: WebConfig, token: str | None, *, environment: Mapping[str, str] = os.environ, hub: HubLogin | None = None
) -> Services:
    """Open the state folder and make everything over it; nothing runs yet.

    Raises:
        StorageError: the state folder cannot be used.
    """
    place = find_place(config.state_dir, environment)
    for folder in (place.state_dir, place.jobs, place.artifacts, place.state_dir / "uploads"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.state_dir.chmod(0o700)
    store, tokens, gpus = place.open(), TokenFiles(), len(accelerators())
    executor = LocalExecutor(place, gpus=gpus, tokens=tokens)
    login = hub or HubLogin(environment, tokens)
    capacity = {"cpu": config.cpu_slots or 1 + gpus, "gpu": gpus}
    scheduler = Scheduler(store, executor, capacity, place.state_dir / "scheduler.lock", before_start=login.hand_over)
    inventory = Inventory(place.artifacts, config.folders)
    uploads = Uploads(
        place.state_dir / "uploads",
        upload_bytes=config.upload_bytes,
        quota_bytes=config.quota_bytes,
        free_bytes=config.free_bytes,
    )
    return Services(
        config=config,
        place=place,
        store=store,
        records=Records(store.database),
        executor=executor,
        scheduler=scheduler,
        events=Events(store, executor.folder, read_only=lambda: not scheduler.is_mine, most_streams=config.streams),
        inventory=inventory,
        references=References(inventory, uploads.content),
        uploads=uploads,
        estimates=Estimates(store, place.artifacts),
        hub=login,
        login=Login(token),
    )


def _of_request(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Wired = Annotated[Services, Depends(_of_request)]
"""The services, as a parameter of a route."""
