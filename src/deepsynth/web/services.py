"""Everything that routes need, wired in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from deepsynth.core.files import make_folder
from deepsynth.jobs import StateManager
from deepsynth.jobs.executor import Executor
from deepsynth.jobs.place import Place
from deepsynth.jobs.scheduler import Scheduler
from deepsynth.web.config import WebConfig
from deepsynth.web.engine import JobEngine, make_engine
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
    engine: JobEngine
    records: Records
    events: Events
    inventory: Inventory
    references: References
    uploads: Uploads
    estimates: Estimates
    login: Login

    @property
    def place(self) -> Place:
        """Where everything is kept."""
        return self.engine.place

    @property
    def store(self) -> StateManager:
        """The jobs."""
        return self.engine.store

    @property
    def executor(self) -> Executor:
        """Who runs attempts, and knows the folder of a job."""
        return self.engine.executor

    @property
    def scheduler(self) -> Scheduler:
        """The queue; it may be another process's."""
        return self.engine.scheduler

    @property
    def hub(self) -> HubLogin:
        """The login at the Hub."""
        return self.engine.hub

    @property
    def read_only(self) -> bool:
        """Whether another server has the state folder, so that nothing may be changed here."""
        return _is_read_only(self.config, self.engine)


def _is_read_only(config: WebConfig, engine: JobEngine) -> bool:
    return config.run_queue and not engine.scheduler.is_mine


def make_services(
    config: WebConfig, token: str | None, *, environment: Mapping[str, str] = os.environ, hub: HubLogin | None = None
) -> Services:
    """Open the state folder and make everything over it; nothing runs yet.

    Raises:
        StorageError: the state folder cannot be used.
    """
    engine = make_engine(config, environment=environment, hub=hub)
    place, store = engine.place, engine.store
    make_folder(place.state_dir / "uploads")
    inventory = Inventory(place.artifacts, config.folders)
    uploads = Uploads(
        place.state_dir / "uploads",
        upload_bytes=config.upload_bytes,
        quota_bytes=config.quota_bytes,
        free_bytes=config.free_bytes,
    )
    return Services(
        config=config,
        engine=engine,
        records=Records(store.database),
        events=Events(
            store,
            engine.executor.folder,
            read_only=lambda: _is_read_only(config, engine),
            most_streams=config.streams,
        ),
        inventory=inventory,
        references=References(inventory, uploads.content),
        uploads=uploads,
        estimates=Estimates(store, place.artifacts),
        login=Login(token),
    )


def _of_request(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Wired = Annotated[Services, Depends(_of_request)]
"""The services, as a parameter of a route."""
