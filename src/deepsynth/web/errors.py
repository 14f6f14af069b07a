"""Every error as `{error, detail, field}`: one shape for settings, unknown ids, illegal moves and the framework's own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from deepsynth.core.config import reason_of
from deepsynth.core.errors import DeepSynthError, StorageError
from deepsynth.jobs import IllegalMoveError, UnknownJobError
from deepsynth.jobs.secrets import redact_text

logger = logging.getLogger(__name__)


class UnknownThingError(DeepSynthError):
    """There is nothing of this id."""


class ConflictError(DeepSynthError):
    """It is not possible just now."""


class TooLargeError(DeepSynthError):
    """An upload is larger than the limit."""


class TooSlowError(DeepSynthError):
    """A body did not come in time."""


class WrongContentTypeError(DeepSynthError):
    """The body is not of a kind that is taken here."""


class FullError(DeepSynthError):
    """There is no room left for it."""


class TooManyError(DeepSynthError):
    """Too many at once; try again later."""


class WrongLoginError(DeepSynthError):
    """The token or code is wrong, or the code was used before."""


STATUS: Mapping[type[DeepSynthError], int] = {
    UnknownJobError: 404,
    UnknownThingError: 404,
    IllegalMoveError: 409,
    ConflictError: 409,
    TooSlowError: 408,
    TooLargeError: 413,
    WrongContentTypeError: 415,
    FullError: 507,
    TooManyError: 429,
    WrongLoginError: 401,
    StorageError: 503,
}


class ErrorAnswer(BaseModel):
    """What every answer of 4xx and 5xx holds."""

    error: str = Field(examples=["IllegalMoveError"])
    detail: str = Field(examples=["job 0f3a5c7d9e1b2a4c is succeeded; pause is possible when it is running"])
    field: str | None = None


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "a value is wrong; `field` names it",
        401: "log in first",
        403: "the request comes from a page of another site",
        404: "there is nothing with this id",
        405: "the path has no such method",
        408: "the body came too slowly",
        409: "not possible in the present state",
        413: "too large",
        415: "a content type that is not taken here",
        421: "the request names another server",
        422: "the request is malformed; `field` names the part",
        429: "too many at once",
        503: "the store or the disk does not answer just now",
        507: "no room left",
    }.items()
}
"""Documented for every route: the gate in front of them, or their checks, may give any of these answers."""


def answer(status: int, error: str, detail: str, field: str | None = None, **headers: str) -> JSONResponse:
    """Return an error answer; tokens are left out of it."""
    values = {"error": error, "detail": redact_text(detail), "field": field}
    return JSONResponse(values, status, {name.replace("_", "-"): value for name, value in headers.items()})


def install(app: FastAPI, missing_page: Callable[[Request], Response]) -> None:
    """Let the application answer errors in this shape; a browser that strays gets `missing_page`."""

    async def _not_found_or(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and _is_visitor(request):
            return missing_page(request)
        return await _http(request, error)

    app.add_exception_handler(DeepSynthError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _not_found_or)
    app.add_exception_handler(Exception, _unexpected)


def _is_visitor(request: Request) -> bool:
    """Whether somebody typed an address into a browser, rather than a program asking for data."""
    asked = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return "text/html" in request.headers.get("accept", "") and not asked.startswith(("/api/", "/v1/", "/static/"))


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DeepSynthError)
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)
    headers = {"retry_after": "10"} if status in (429, 503) else {}
    return answer(status, type(error).__name__, str(error), error.field, **headers)


async def _malformed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    place, *path = map(str, first["loc"])
    if place == "path":
        return answer(
            404, "UnknownThingError", f"nothing has the {path[0]} of this address; list them to see what there is"
        )
    if first["type"] == "json_invalid":
        return answer(422, "MalformedRequest", "the body is not valid JSON")
    detail = "a JSON object is expected" if place == "body" and not path else reason_of(first)
    return answer(422, "MalformedRequest", f"{'.'.join(path) or place}: {detail}", ".".join(path) or None)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        return answer(405, "WrongMethod", f"this address takes {allowed or 'other methods'}", allow=allowed)
    if error.status_code == 404:
        return answer(404, "NotFound", f"nothing at {request.url.path[:200]}")
    if error.status_code == 400:  # the framework could not decode the body
        return answer(422, "MalformedRequest", "the body is not valid JSON in UTF-8")
    return answer(error.status_code, "HTTPException", str(error.detail))


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    logger.error("a request failed", exc_info=error)
    return answer(500, type(error).__name__, "this is a fault of the server; its log has the details")


def _methods(request: Request) -> set[str]:
    """Return all methods of the address, over every route that matches it."""
    found: set[str] = set()
    for route in _flat(request.app.routes):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return found


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield the routes of an application, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from [route] if included is None else _flat(included.routes)
