"""OpenAI's form: chat completions and the list of models, so that its clients work unchanged."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.convertors import Convertor, register_url_convertor

from deepsynth.core.documents import Summary
from deepsynth.core.errors import DeepSynthError, SettingsError
from deepsynth.inference.asking import Asking
from deepsynth.inference.refusals import BusyError, UnknownModelError, WrongTypeError
from deepsynth.web.inference.answers import answering, status_of, while_connected
from deepsynth.web.inference.bodies import content_type, described_body, parse_json, read_body
from deepsynth.web.inference.chat import ChatRequest, asking_of, document_of
from deepsynth.web.inference.service import InferenceService, Parts
from deepsynth.web.inference.telling import Told
from deepsynth.web.sse import event_stream


class AnyName(Convertor[str]):
    """Lets `{name:any}` match whatever stands there, line ends too, so that a wrong name is answered in OpenAI's form."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        """Return the name as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Return the name as it stands."""
        return value


register_url_convertor("any", AnyName())


class ErrorFacts(BaseModel):
    """What is wrong, in OpenAI's form."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIErrorAnswer(BaseModel):
    """What an answer of 4xx and 5xx holds under `/v1`."""

    error: ErrorFacts


_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": OpenAIErrorAnswer} for status in (400, 404, 408, 413, 415, 422, 429, 503)
}


def openai_error(error: DeepSynthError) -> tuple[int, dict[str, Any]]:
    """Return an error in OpenAI's form."""
    status = status_of(error)
    kind, code = "invalid_request_error", None
    if isinstance(error, UnknownModelError):
        code = "model_not_found"
    elif isinstance(error, SettingsError):
        status, code = 400, "invalid_value"
    elif isinstance(error, BusyError):
        kind, code = "rate_limit_error", "rate_limit_exceeded"
    elif status >= 500:
        kind, code = "server_error", "unavailable"
    return status, {"error": {"message": str(error), "type": kind, "param": error.field, "code": code}}


def chat_router(service: InferenceService) -> APIRouter:
    """Return the routes of OpenAI's form over a service."""
    router = APIRouter(route_class=answering(openai_error), responses=_RESPONSES)

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """List the served model and its adapters."""
        return {"object": "list", "data": [_card(service, name) for name in service.model_names]}

    @router.get("/v1/models/{name:any}")
    async def model(name: str) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Return one of them."""
        service.adapter_of(name, "")
        return _card(service, name)

    @router.post("/v1/chat/completions", openapi_extra=described_body("/v1/chat/completions", ChatRequest))
    async def chat(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Summarize the document that a chat holds."""
        asked, parts, asking = await _read(request, service)
        completion = Completion(
            asked.model, include_usage=bool(asked.stream_options and asked.stream_options.include_usage)
        )
        if asked.stream:
            return event_stream(_chunks(completion, await service.start(parts, asking)))

        async def whole() -> Response:
            return JSONResponse(completion.whole(await service.summarize(parts, asking)))

        return await while_connected(request, whole())

    return router


class Completion:
    """One answer in OpenAI's form, whole or in chunks."""

    def __init__(self, model: str, *, include_usage: bool = False) -> None:
        self.include_usage = include_usage
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, summary: Summary) -> dict[str, Any]:
        """Return the answer at once."""
        message = {"role": "assistant", "content": summary.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, **_reasons(summary)}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage(summary)}

    def first(self) -> str:
        """Return the chunk that opens a stream."""
        return self._chunk({"role": "assistant", "content": ""}, {"finish_reason": None})

    def piece(self, text: str) -> str:
        """Return a chunk of text."""
        return self._chunk({"content": text}, {"finish_reason": None})

    def last(self, summary: Summary) -> str:
        """Return the chunk that closes a stream, with the one of usage if it was asked for."""
        closing = self._chunk({}, _reasons(summary))
        if not self.include_usage:
            return closing
        return closing + _data(
            {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage(summary)}
        )

    def _chunk(self, delta: dict[str, Any], others: dict[str, Any]) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, **others}
        return _data({**self._head, "object": "chat.completion.chunk", "choices": [choice]})


def usage(summary: Summary) -> dict[str, Any]:
    """Return what a summary took, in OpenAI's names."""
    return {
        "prompt_tokens": summary.prompt_tokens,
        "completion_tokens": summary.generated_tokens,
        "total_tokens": summary.prompt_tokens + summary.generated_tokens,
        "prompt_tokens_details": {"visual_tokens": summary.visual_tokens},
    }


def _reasons(summary: Summary) -> dict[str, str]:
    finish = "length" if summary.stop_reason == "length" else "stop"
    return {"finish_reason": finish, "stop_reason": summary.stop_reason}


def _data(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


async def _read(request: Request, service: InferenceService) -> tuple[ChatRequest, Parts, Asking]:
    declared = content_type(request)
    if declared != "application/json":
        raise WrongTypeError(f"send application/json, not {declared[:60] or 'a body without a content type'}")
    config = service.config
    async with read_body(request, service.held, config.body_bytes, config.body_seconds) as body:
        asked = ChatRequest.parse(parse_json(body))
        adapter = service.adapter_of(asked.model, asked.adapter or "")
        parts, instruction = document_of(asked)
    return asked, parts, asking_of(asked, instruction, adapter=adapter)


def _card(service: InferenceService, name: str) -> dict[str, Any]:
    base = service.config.model
    window = (service.worker.facts or {}).get("window")
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "deepsynth",
        "parent": None if name == base else base,
        "max_model_len": window,
    }


async def _chunks(completion: Completion, running: AsyncGenerator[Told]) -> AsyncGenerator[str]:
    try:
        yield completion.first()
        async for told in running:
            if told.kind == "token":
                yield completion.piece(told.text)
            elif told.summary is not None:
                yield completion.last(told.summary)
            elif told.kind == "tick":
                yield ": keep-alive\n\n"
        yield "data: [DONE]\n\n"
    except DeepSynthError as error:
        yield _data(openai_error(error)[1])
    finally:
        await running.aclose()
