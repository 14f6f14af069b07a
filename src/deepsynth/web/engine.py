"""The engine behind the queue: store, executor and scheduler over one state folder. The server holds it, or a worker does."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

from deepsynth.core.files import make_folder
from deepsynth.jobs import StateManager
from deepsynth.jobs.executor import Executor, Means, executors
from deepsynth.jobs.folder import lock_name
from deepsynth.jobs.machine import accelerators
from deepsynth.jobs.place import Place, find_place
from deepsynth.jobs.scheduler import Scheduler
from deepsynth.jobs.secrets import TokenFiles
from deepsynth.web.config import QueueConfig
from deepsynth.web.hub import HubLogin

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEngine:
    """What runs jobs; nothing runs until its scheduler is started."""

    place: Place
    store: StateManager
    executor: Executor
    scheduler: Scheduler
    hub: HubLogin

    def stop(self, *, pause: bool) -> None:
        """Stop the scheduler, if it is this process's; with `pause`, first bring every job to rest at a checkpoint."""
        if pause and self.scheduler.is_mine:
            for job in self.scheduler.pause_all():
                logger.warning("job %s did not pause in time", job.id)
        self.scheduler.stop()


def make_engine(
    config: QueueConfig, *, environment: Mapping[str, str] = os.environ, hub: HubLogin | None = None
) -> JobEngine:
    """Open the state folder, make its folders where they are not there, and wire the engine.

    Raises:
        SettingsError: no executor has that name.
        StorageError: the state folder, or the database server that the environment names, cannot be used.
    """
    place = find_place(config.state_dir, environment)
    for folder in (place.state_dir, place.jobs, place.artifacts):
        make_folder(folder)
    place.state_dir.chmod(0o700)
    tokens, kind = TokenFiles(), executors.get(config.executor)
    gpus = config.ray_gpus if kind.elsewhere else len(accelerators())
    executor = kind.make(place, Means(gpus=gpus, tokens=tokens, address=config.ray_address))
    store = place.open()
    login = hub or HubLogin(environment, tokens)
    capacity = {"cpu": config.cpu_slots or 1 + gpus, "gpu": gpus}
    scheduler = Scheduler(
        store,
        executor,
        capacity,
        place.state_dir / lock_name("scheduler", place.host),
        host=place.host,
        lease_seconds=place.lease_seconds,
        before_start=None if kind.elsewhere else login.hand_over,  # a token's file lies in this machine's memory
        tick_seconds=kind.tick_seconds,
    )
    return JobEngine(place=place, store=store, executor=executor, scheduler=scheduler, hub=login)
