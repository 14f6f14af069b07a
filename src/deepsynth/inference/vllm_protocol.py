"""What is said to a vLLM server and what it answers: OpenAI's protocol with the few words that vLLM adds."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator
from typing import Any

import httpx2

from deepsynth.core.documents import Page
from deepsynth.core.errors import InputError, ModelError
from deepsynth.inference.engine import Prompt
from deepsynth.models.tokenizer import IMAGE
from deepsynth.rendering.png import encode_png


def request_of(prompt: Prompt, model: str, allowed: Collection[int]) -> dict[str, Any]:
    """Return the body of a request for chat completions; tokens that are `allowed` may repeat whatever the n-gram rule says."""
    writing, example = prompt.writing, prompt.example
    # The text names the places of the pages itself: left to it, the server would put a line break between them.
    head = IMAGE * len(example.pages) if example.pages else (example.text or "")
    pictures = [{"type": "image_url", "image_url": {"url": data_url(page)}} for page in example.pages]
    text = {"type": "text", "text": f"{head}\n{example.instruction.strip()}"}
    request: dict[str, Any] = {
        "model": prompt.adapter or model,
        "messages": [{"role": "user", "content": [*pictures, text]}],
        "max_tokens": writing.max_new_tokens,
        "min_tokens": writing.min_new_tokens,
        "temperature": writing.temperature,
        "top_p": writing.top_p,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        "return_token_ids": True,
    }
    if writing.seed is not None:
        request["seed"] = writing.seed
    if writing.stop:
        request["stop"] = list(writing.stop)
    if writing.no_repeat_ngram_size:
        request["vllm_xargs"] = {
            "ngram_size": writing.no_repeat_ngram_size,
            "window_size": writing.no_repeat_ngram_window or writing.max_new_tokens,
            "whitelist_token_ids": sorted(allowed),
        }
    return request


def data_url(page: Page) -> str:
    """Return a page's picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(encode_png(page.image, bits=8)).decode("ascii")


def refuse(answer: httpx2.Response) -> None:
    """Turn a refusal into an error that says what the server said."""
    if answer.status_code == httpx2.codes.OK:
        return
    answer.read()
    try:
        body = answer.json()
        message = body.get("error", body).get("message") or answer.text
    except ValueError:
        message = answer.text
    kind = InputError if answer.status_code == httpx2.codes.BAD_REQUEST else ModelError
    raise kind(f"the vLLM server refused ({answer.status_code}): {' '.join(message.split())[:500]}")


def chunks(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each server-sent event up to `[DONE]`."""
    for line in answer.iter_lines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            return
        if data:
            chunk: dict[str, Any] = json.loads(data)
            if "error" in chunk:
                raise ModelError(f"the vLLM server broke off: {chunk['error'].get('message')}")
            yield chunk
    raise ModelError("the vLLM server closed the stream before its end")


def stop_reason(choice: dict[str, Any]) -> str:
    """Return why the server stopped writing, in the words of `Answer`; empty while it still writes."""
    if choice.get("finish_reason") == "stop":
        return "stop" if isinstance(choice.get("stop_reason"), str) else "eos"
    return "length" if choice.get("finish_reason") == "length" else ""
