"""A chat in OpenAI's form as a document and what is asked of it."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal, cast

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.documents import DEFAULT_INSTRUCTION
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.inference.asking import Asking
from deepsynth.inference.writing import Writing
from deepsynth.web.inference.bodies import check_kind

MAX_PARTS = 256


class StreamOptions(Config):
    """How a stream ends."""

    include_usage: bool = False


class Message(Config):
    """One message of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] = Field(max_length=MAX_PARTS * 2**20)
    name: str | None = None


class ChatRequest(Config):
    """The body of a chat request; what is not here is refused by name."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=64)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    mode: str | None = None
    route: str | None = None
    adapter: str | None = None
    min_tokens: int | None = None
    num_beams: int | None = None
    max_pages: int | None = None
    pages_per_prompt: int | None = None
    read_first: bool | None = None
    no_repeat_ngram_size: int | None = None
    no_repeat_ngram_window: int | None = None
    repetition_retry: bool | None = None


FILES = {"image_url": "url", "file": "file_data"}
"""Types of parts that hold a file, and where in the part its data: URL stands."""

WRITING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "min_tokens": "min_new_tokens",
    "num_beams": "num_beams",
    "no_repeat_ngram_size": "no_repeat_ngram_size",
    "no_repeat_ngram_window": "no_repeat_ngram_window",
    "repetition_retry": "repetition_retry",
}
"""Names of the request and of our settings."""


def asking_of(request: ChatRequest, instruction: str, *, adapter: str) -> Asking:
    """Return the settings that a request asks for.

    Raises:
        SettingsError: one is out of its limits; `field` names it as the request does.
    """
    values = {ours: value for theirs, ours in WRITING.items() if (value := getattr(request, theirs)) is not None}
    most = request.max_completion_tokens or request.max_tokens
    if most is not None:
        values["max_new_tokens"] = most
    if request.stop is not None:
        values["stop"] = [request.stop] if isinstance(request.stop, str) else request.stop
    names = ("mode", "route", "max_pages", "pages_per_prompt", "read_first")
    others = {name: value for name in names if (value := getattr(request, name)) is not None}
    try:
        return Asking.parse(
            {**others, "writing": Writing.parse(values), "instruction": instruction, "adapter": adapter}
        )
    except SettingsError as error:
        back = {ours: theirs for theirs, ours in WRITING.items()} | {"max_new_tokens": "max_tokens"}
        raise SettingsError(str(error), field=back.get(error.field or "", error.field)) from error


def document_of(request: ChatRequest) -> tuple[list[tuple[str, bytes]], str]:
    """Return the parts of the document, and the instruction.

    With pictures or files, the texts of the user's message are the instruction; without, they are the document, and the
    instruction is the system's message.

    Raises:
        InputError: there is not exactly one user message, or a part cannot be used.
    """
    system = [_text(message) for message in request.messages if message.role in ("system", "developer")]
    users = [message for message in request.messages if message.role == "user"]
    if len(users) != 1 or len(system) > 1 or len(users) + len(system) != len(request.messages):
        raise InputError(
            "this model reads one document: send one user message, and at most one system message", field="messages"
        )
    content = users[0].content
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [str(part.get("text", "")) for part in parts if part.get("type") == "text"]
    files = [_file(part) for part in parts if part.get("type") != "text"]
    told = "\n".join(text for text in texts if text.strip())
    if files:
        return files, told or "".join(system) or DEFAULT_INSTRUCTION
    if not told:
        raise InputError("the user message holds neither text nor pictures", field="messages")
    return [("text", told.encode("utf-8", "replace"))], "".join(system) or DEFAULT_INSTRUCTION


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    if any(part.get("type") != "text" for part in message.content):
        raise InputError("a system message holds text alone", field="messages")
    return "\n".join(str(part.get("text", "")) for part in message.content)


def _file(part: dict[str, Any]) -> tuple[str, bytes]:
    kind = part.get("type")
    if kind not in FILES:
        raise InputError(f"a part of type {kind!r} is not read; known: text, {', '.join(FILES)}", field="messages")
    found: Any = part.get(kind)
    url: Any = cast("dict[str, Any]", found).get(FILES[kind]) if isinstance(found, dict) else found
    if not isinstance(url, str) or not url.startswith("data:"):
        raise InputError(
            f"give the {kind} as a data: URL with its bytes in base64; this server fetches nothing", field="messages"
        )
    head, _, data = url.removeprefix("data:").partition(",")
    if not head.endswith(";base64"):
        raise InputError(f"the data: URL of the {kind} must be in base64", field="messages")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the base64 of the {kind} is damaged: {error}", field="messages") from error
    return check_kind(content, head.partition(";")[0].strip().lower()), content
