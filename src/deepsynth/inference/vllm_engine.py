"""The model in a vLLM server, by its OpenAI protocol: pages go as pictures, text comes back as a stream.

A server may read pages in another mode than the model was trained in, without a word. So the tokens that it counts in each
prompt are compared with those that the mode takes, and a difference is an error rather than a worse summary.
"""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from deepsynth.core.documents import Example
from deepsynth.core.errors import DeepSynthError, InputError, ModelError
from deepsynth.core.geometry import mode
from deepsynth.inference.engine import Answer, EngineFacts, Event, Failed, Finished, Prompt, Wrote
from deepsynth.inference.habits import habits_of
from deepsynth.inference.stopping import is_looping
from deepsynth.inference.writing import Writing
from deepsynth.models.tokenizer import IMAGE, JsonTokenizer
from deepsynth.rendering.png import encode_png

CONNECT_SECONDS, READ_SECONDS = 10.0, 300.0
WAIT_SECONDS = 0.05
"""How long a step waits for news."""


class VllmEngine:
    """An `Engine` over a vLLM server that serves a folder of `deepsynth export --for vllm`."""

    def __init__(
        self,
        url: str,
        *,
        mode: str,
        tokenizer: JsonTokenizer,
        model: str | None = None,
        api_key: str = "",
        max_rows: int = 16,
    ) -> None:
        """`mode` is the one that the served folder was exported with; `model` the served name, if there are several.

        Raises:
            ModelError: the server does not answer, or serves no such model.
        """
        self.max_rows = max_rows
        self._mode, self._tokenizer = mode, tokenizer
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)
        self.facts = self._ask_for_facts(model)
        self._pool = ThreadPoolExecutor(max_workers=max_rows, thread_name_prefix="vllm")
        self._news: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stops: dict[int, threading.Event] = {}
        self._running: set[int] = set()

    @property
    def load(self) -> tuple[int, int]:
        """How many prompts are with the server and how many wait here."""
        return len(self._running), len(self._stops) - len(self._running)

    def count_text_tokens(self, text: str) -> int:
        """Return the tokens that `text` costs as text."""
        return len(self._tokenizer.encode(text))

    def submit(self, identity: int, prompt: Prompt) -> None:
        """Take a prompt (see `Engine.submit`)."""
        self._stops[identity] = threading.Event()
        self._pool.submit(self._serve, identity, prompt, self._stops[identity])

    def cancel(self, identity: int) -> None:
        """Forget a prompt; the connection is closed, which makes the server stop."""
        stop = self._stops.pop(identity, None)
        if stop is not None:
            stop.set()

    def step(self) -> list[Event]:
        """Return what has come since the last time, after waiting a little for something."""
        events: list[Event] = []
        try:
            events.append(self._news.get(timeout=WAIT_SECONDS))
            while True:
                events.append(self._news.get_nowait())
        except queue.Empty:
            pass
        known = [event for event in events if event.id in self._stops]
        for event in known:
            if not isinstance(event, Wrote):
                self._stops.pop(event.id)
        return known

    def close(self) -> None:
        """Stop all work and close the connections."""
        for stop in self._stops.values():
            stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _ask_for_facts(self, wanted: str | None) -> EngineFacts:
        answer = self._send("GET", "/models")
        cards: list[dict[str, Any]] = answer.get("data") or []
        bases = [card for card in cards if not card.get("parent")]
        found = [card for card in bases if wanted in (None, card["id"])]
        if len(found) != 1:
            names = ", ".join(card["id"] for card in bases) or "none"
            raise ModelError(f"{self._client.base_url} serves {names}; name one of them as model")
        card = found[0]
        return EngineFacts(
            model=card["id"],
            modes=(self._mode,),
            window=int(card["max_model_len"]),
            adapters=tuple(item["id"] for item in cards if item.get("parent") == card["id"]),
            device=str(self._client.base_url),
            habits=habits_of(self._tokenizer),
        )

    def _send(self, method: str, path: str) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path)
            answer.raise_for_status()
            return answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise ModelError(f"no vLLM server answers at {self._client.base_url}: {error}") from error

    def _serve(self, identity: int, prompt: Prompt, stop: threading.Event) -> None:
        """Ask the server; runs in a thread of the pool."""
        if stop.is_set():
            return
        self._running.add(identity)
        try:
            for event in self._ask(identity, prompt, stop):
                self._news.put(event)
        except DeepSynthError as error:
            self._news.put(Failed(id=identity, error=error))
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            reason = ModelError(f"the vLLM server broke off: {error or type(error).__name__}")
            self._news.put(Failed(id=identity, error=reason))
        finally:
            self._running.discard(identity)

    def _ask(self, identity: int, prompt: Prompt, stop: threading.Event) -> Iterator[Event]:
        began = time.perf_counter()
        expected = self._prompt_tokens(prompt.example)
        ids: list[int] = []
        text, reason, usage = "", "", dict[str, int]()
        with self._client.stream("POST", "/chat/completions", json=self._request(prompt)) as answer:
            _refuse(answer)
            for chunk in _chunks(answer):
                usage = chunk.get("usage") or usage
                if usage and usage["prompt_tokens"] != sum(expected):
                    raise ModelError(
                        f"the server reads {prompt.example.id!r} as {usage['prompt_tokens']} tokens where mode {self._mode}"
                        f" takes {sum(expected)}: it uses another mode or template; export the folder again"
                    )
                for choice in chunk["choices"]:
                    piece = choice["delta"].get("content") or ""
                    ids += choice.get("token_ids") or self._tokenizer.encode(piece)
                    text += piece
                    if piece:
                        yield Wrote(id=identity, text=piece)
                    reason = _reason(choice) or reason
                if stop.is_set():
                    return
                if not reason and is_looping(ids, prompt.writing, self._allowed(prompt.writing)):
                    reason = "repetition"
                    break
        yield Finished(
            id=identity,
            answer=Answer(
                text=text,
                generated_tokens=usage["completion_tokens"] if reason != "repetition" else len(ids),
                prompt_tokens=sum(expected),
                visual_tokens=expected[0],
                stop_reason=reason or "length",
                seconds=time.perf_counter() - began,
            ),
        )

    def _prompt_tokens(self, example: Example) -> tuple[int, int]:
        """Return what the pages take in the prompt, and what all else does."""
        geometry = mode(self._mode)
        visual = sum(geometry.tokens(geometry.grid(*page.image.size)) for page in example.pages)
        text = "" if example.pages else (example.text or "")
        return visual, 1 + self.count_text_tokens(text) + self.count_text_tokens("\n" + example.instruction.strip())

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        writing, example = prompt.writing, prompt.example
        if prompt.mode != self._mode:
            raise InputError(f"the server reads pages in mode {self._mode}, not {prompt.mode}", field="mode")
        if writing.num_beams > 1:
            raise InputError("the vLLM engine does no beam search; set num_beams to 1", field="num_beams")
        if prompt.adapter and prompt.adapter not in self.facts.adapters:
            known = ", ".join(self.facts.adapters) or "none"
            raise InputError(f"the server has no adapter {prompt.adapter!r}; known: {known}", field="adapter")
        # The text names the places of the pages itself: left to it, the server would put a line break between them.
        head = IMAGE * len(example.pages) if example.pages else (example.text or "")
        pictures = [{"type": "image_url", "image_url": {"url": _data_url(page)}} for page in example.pages]
        text = {"type": "text", "text": f"{head}\n{example.instruction.strip()}"}
        request: dict[str, Any] = {
            "model": prompt.adapter or self.facts.model,
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
                "whitelist_token_ids": sorted(self._allowed(writing)),
            }
        return request

    def _allowed(self, writing: Writing) -> frozenset[int]:
        found = (self._tokenizer.token_id(text) for text in writing.repetition_allowed)
        return frozenset(item for item in found if item is not None)


def _data_url(page: Any) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(page.image, bits=8)).decode("ascii")


def _refuse(answer: httpx2.Response) -> None:
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


def _chunks(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
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


def _reason(choice: dict[str, Any]) -> str:
    if choice.get("finish_reason") == "stop":
        return "stop" if isinstance(choice.get("stop_reason"), str) else "eos"
    return "length" if choice.get("finish_reason") == "length" else ""
