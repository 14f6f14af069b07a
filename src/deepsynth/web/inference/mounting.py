"""Puts inference into an application: routes, start and end, and what happens when the server is told to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from deepsynth.web.inference.chat_routes import chat_router
from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.inference.plain_routes import plain_router
from deepsynth.web.inference.service import InferenceService


def mount_inference(app: FastAPI, config: InferenceConfig) -> InferenceService:
    """Add the routes to `app` and keep the service as `app.state.inference`; no process starts before the server does.

    Metrics go to the registry `app.state.metrics`, which is made if it is not there.
    """
    if not hasattr(app.state, "metrics"):
        app.state.metrics = CollectorRegistry()
    service = InferenceService(config, app.state.metrics)
    app.state.inference = service
    app.include_router(plain_router(service))
    app.include_router(chat_router(service))
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(inner: Any) -> AsyncGenerator[Any]:
        async with outer(inner) as state:
            with _told_to_stop(service):
                if config.preload:
                    service.load_soon()
                try:
                    yield state
                finally:
                    await service.close()

    app.router.lifespan_context = lifespan
    return service


@contextmanager
def _told_to_stop(service: InferenceService) -> Generator[None]:
    """Let streams end soon after SIGTERM or SIGINT: the server itself would wait for them.

    The handlers that the server has set are called as before. Outside the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(service.begin_stop)
        if callable(before[number]):
            before[number](number, frame)

    chained = [number for number, handler in before.items() if callable(handler)]
    for number in chained:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in chained:
            signal.signal(number, before[number])
