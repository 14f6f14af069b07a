"""The FastAPI application: a factory that wires services, routes and the gate."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from deepsynth import __version__
from deepsynth.web import errors
from deepsynth.web.config import WebConfig
from deepsynth.web.gate import Gate
from deepsynth.web.gauges import JobGauges
from deepsynth.web.inference.mounting import mount_inference
from deepsynth.web.routes import (
    datasets,
    events,
    forms,
    hub,
    jobs,
    models,
    outputs,
    records,
    session,
    site,
    system,
    uploads,
)
from deepsynth.web.services import Services, make_services

logger = logging.getLogger(__name__)

_ROUTES = (system, hub, records, session, forms, jobs, outputs, events, datasets, uploads, models, site)
"""In the order in which the description of the API lists them."""


def create_app(config: WebConfig, token: str | None = None, *, services: Services | None = None) -> FastAPI:
    """Return the application over the store in `config.state_dir`.

    Args:
        config: its settings.
        token: what opens it; without one everybody who can reach it may use it.
        services: what it is made of, where a test brings its own.

    Raises:
        StorageError: the state folder cannot be used.
    """
    wired = services or make_services(config, token)
    app = FastAPI(
        title="DeepSynth",
        version=__version__,
        description="Summarizes documents through pictures: datasets, training, evaluation and models as jobs.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=errors.RESPONSES,
        lifespan=_lifespan,
        root_path=config.root_path,
        redirect_slashes=False,
    )
    app.state.services = wired
    errors.install(app, site.missing)
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.state.metrics = _metrics(wired)
    mount_inference(app, config.inference)
    app.add_middleware(
        Gate,
        login=wired.login,
        hosts=frozenset({f"{config.host}:{config.port}", *(name.lower() for name in config.allowed_hosts)}),
        read_only=lambda: wired.read_only,
        audit=wired.records.audit,
        login_page=lambda: site.page("login"),
    )
    return app


def _metrics(services: Services) -> CollectorRegistry:
    registry, scheduler, place = CollectorRegistry(), services.scheduler, services.place
    registry.register(
        JobGauges(services.store, place.state_dir, scheduler.capacity, lambda: scheduler.is_mine, place.host)
    )
    return registry


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    if services.config.run_queue and not services.scheduler.start():
        logger.warning("another server runs on %s: this one only reads", services.place.state_dir)
    await services.events.start()
    try:
        yield
    finally:
        await services.events.stop()
        await asyncio.to_thread(services.engine.stop, pause=services.config.pause_on_stop)
        services.store.close()
