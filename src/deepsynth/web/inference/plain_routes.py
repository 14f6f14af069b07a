"""The plain form: a text or a document in, a summary out; and the state of the model."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.documents import Example
from deepsynth.core.errors import DeepSynthError, SettingsError
from deepsynth.core.geometry import mode
from deepsynth.inference.asking import Asking
from deepsynth.inference.writing import Writing
from deepsynth.rendering.costing import estimate_tokens
from deepsynth.rendering.png import encode_png
from deepsynth.web.inference.answers import (
    answering,
    plain_error,
    status_of,
    summary_json,
    while_connected,
)
from deepsynth.web.inference.bodies import TYPES, check_kind, content_type, described_body, parse_json, read_body
from deepsynth.web.inference.service import InferenceService, Parts
from deepsynth.web.inference.telling import Told
from deepsynth.web.sse import event_stream, event_text

JSON = "application/json"
SHOWN_PAGES = 24
"""Pages that a plan brings along as pictures."""
INSTRUCTION_TOKENS = 16
"""About what stands around the pages in a prompt; the model's process counts it exactly when it writes."""


class TextBody(Config):
    """The JSON body."""

    text: str
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    stream: bool = False


def asking_from(options: Mapping[str, Any]) -> Asking:
    """Return flat options as settings.

    Raises:
        SettingsError: an unknown or wrong option; `field` names it as `options.NAME`.
    """
    writing = {name: value for name, value in options.items() if name in Writing.model_fields}
    others = {name: value for name, value in options.items() if name not in writing}
    if "writing" in others:
        raise SettingsError("writing: give its settings as options themselves", field="options.writing")
    try:
        return Asking.parse({**others, "writing": Writing.parse(writing)})
    except SettingsError as error:
        raise SettingsError(str(error), field=f"options.{error.field}") from error


def _with_adapter(options: dict[str, Any], service: InferenceService) -> dict[str, Any]:
    """Return options in which `model`, the name of the served model or of an adapter, has become the adapter it means."""
    model = options.pop("model", None)
    if model is None:
        return options
    adapter = service.adapter_of(str(model), str(options.get("adapter", "")), field="options.model")
    return {**options, "adapter": adapter}


def plain_router(service: InferenceService) -> APIRouter:
    """Return the routes of the plain form over a service."""
    router = APIRouter(route_class=answering(lambda error: (status_of(error), plain_error(error))))

    @router.post("/api/summarize", openapi_extra=described_body("/api/summarize", TextBody, TYPES))
    async def summarize(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Summarize a text (JSON) or a document (raw body), at once or as server-sent events."""
        parts, options, streamed = await _read(request, service)
        asking = asking_from(_with_adapter(options, service))
        if streamed:
            return event_stream(_events(service, await service.start(parts, asking)))

        async def whole() -> Response:
            return JSONResponse(summary_json(await service.summarize(parts, asking)))

        return await while_connected(request, whole())

    @router.post("/api/plan", openapi_extra=described_body("/api/plan", TextBody, TYPES))
    async def plan(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Tell what a document would cost, and show its pages, without asking the model."""
        parts, options, _ = await _read(request, service)
        asking = asking_from(_with_adapter(options, service))
        return JSONResponse(_plan(service, await service.draw(parts, asking), asking))

    @router.get("/api/inference")
    async def status() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Tell the state of the model; does not start it."""
        return service.status()

    @router.post("/api/inference/load", status_code=202)
    async def load() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Begin to load the model."""
        service.load_soon()
        return service.status()

    @router.post("/api/inference/unload")
    async def unload() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Give the model's memory back."""
        await service.unload()
        return service.status()

    @router.get("/api/inference/ready")
    async def ready() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Tell whether requests are taken."""
        taken = service.takes_requests
        return JSONResponse({"ready": taken, "state": service.state}, 200 if taken else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Return metrics for Prometheus."""
        service.update_gauges()
        return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def _read(request: Request, service: InferenceService) -> tuple[Parts, dict[str, Any], bool]:
    """Return the document, its options, and whether events are wanted."""
    wants_events = "text/event-stream" in request.headers.get("accept", "")
    declared, config = content_type(request), service.config
    most = config.json_bytes if declared == JSON else config.body_bytes
    async with read_body(request, service.held, most, config.body_seconds) as body:
        if declared == JSON:
            given = TextBody.parse(parse_json(body))
            return [("text", given.text.encode("utf-8", "replace"))], given.options, given.stream or wants_events
        options: dict[str, Any] = {}
        for name in request.query_params:
            values = request.query_params.getlist(name)
            options[name] = values if name == "stop" else values[-1]
        streamed = str(options.pop("stream", "")).lower() in ("1", "true", "yes")
        return [(check_kind(body, declared), body)], options, streamed or wants_events


async def _events(service: InferenceService, running: AsyncGenerator[Told]) -> AsyncGenerator[str]:
    try:
        async for told in running:
            yield _event(service, told)
    except DeepSynthError as error:
        yield event_text("error", plain_error(error))
    finally:
        await running.aclose()


def _event(service: InferenceService, told: Told) -> str:
    if told.kind == "token":
        return event_text("token", {"text": told.text})
    if told.summary is not None:
        return event_text("summary", summary_json(told.summary))
    if told.kind == "tick":
        return ": keep-alive\n\n"
    return event_text("status", {"state": told.state, "position": max(0, service.active - service.config.max_running)})


def _plan(service: InferenceService, example: Example, asking: Asking) -> dict[str, Any]:
    geometry = mode(service.rendering(asking).mode)
    visual = sum(geometry.tokens(geometry.grid(*page.image.size)) for page in example.pages)
    text = estimate_tokens(example.text) if example.text else None
    window = (service.worker.facts or {}).get("window")
    room = None if window is None else window - asking.writing.max_new_tokens - INSTRUCTION_TOKENS
    shown = [base64.b64encode(encode_png(page.image)).decode("ascii") for page in example.pages[:SHOWN_PAGES]]
    return {
        "pages": len(example.pages),
        "mode": geometry.name,
        "visual_tokens": visual,
        "text_tokens": text,
        "text_tokens_basis": "estimated" if text else None,
        "compression": text / visual if text and visual else None,
        "window": window,
        "prompts": None if room is None else max(1, -(-visual // max(1, room))),
        "fits": None if room is None else visual <= room,
        "images": [f"data:image/png;base64,{data}" for data in shown],
    }
