"""How routes answer: errors in the form of their route, summaries, and an end when the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from deepsynth.core.documents import Summary
from deepsynth.core.errors import DeepSynthError, InputError, ModelError, SettingsError
from deepsynth.inference.refusals import (
    BusyError,
    TooLargeError,
    TooSlowError,
    UnavailableError,
    UnknownModelError,
    WrongTypeError,
)

STATUS: tuple[tuple[type[DeepSynthError], int], ...] = (
    (TooLargeError, 413),
    (TooSlowError, 408),
    (WrongTypeError, 415),
    (UnknownModelError, 404),
    (BusyError, 429),
    (UnavailableError, 503),
    (ModelError, 503),
    (SettingsError, 422),
    (InputError, 400),
)
"""The first that fits counts."""
GONE = 499
"""What logs show for a client that went away; nobody receives it."""


def status_of(error: DeepSynthError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def headers_of(error: DeepSynthError) -> dict[str, str]:
    """Return the headers of an error: when to try again; and no further use of a connection whose body was not read."""
    headers: dict[str, str] = {}
    if isinstance(error, BusyError | UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    if status_of(error) in (408, 413):
        headers["Connection"] = "close"
    return headers


def plain_error(error: DeepSynthError) -> dict[str, Any]:
    """Return an error in the form of the application."""
    return {"error": type(error).__name__, "detail": str(error), "field": error.field}


def answering(form: Callable[[DeepSynthError], tuple[int, dict[str, Any]]]) -> type[APIRoute]:
    """Return a class of routes that answer errors in a form: status and body."""

    class Answering(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except DeepSynthError as error:
                    status, body = form(error)
                    return JSONResponse(body, status, headers=headers_of(error))
                except ClientDisconnect:
                    return Response(status_code=GONE)

            return answer

    return Answering


def summary_json(summary: Summary) -> dict[str, Any]:
    """Return a summary as routes give it."""
    return asdict(summary) | {"compression": summary.compression}


async def while_connected(request: Request, work: Awaitable[Response]) -> Response:
    """Return the answer, or stop the work when the client goes away first. The body must have been read."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=GONE)
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.wait({working, gone})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
