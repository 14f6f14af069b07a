"""The model in a vLLM server, by its OpenAI protocol: pages go as pictures, text comes back as a stream.

A server may read pages in another mode than the model was trained in, without a word. So the tokens that it counts in each
prompt are compared with those that the mode takes, and a difference is an error rather than a worse summary.
"""

from __future__ import annotations

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
from deepsynth.inference.vllm_protocol import chunks, refuse, request_of, stop_reason
from deepsynth.inference.writing import Writing
from deepsynth.models.tokenizer import JsonTokenizer

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
        cards: list[dict[str, Any]] = self._send("GET", "/models").get("data") or []
        bases = [card for card in cards if not card.get("parent")]
        found = [card for card in bases if wanted in (None, card["id"])]
        if len(found) != 1:
            names = ", ".join(card["id"] for card in bases) or "none"
            raise ModelError(f"{self._client.base_url} serves {names}; name one of them as model")
        card = found[0]
        if "max_model_len" not in card:
            raise ModelError(f"{self._client.base_url} does not say how long a prompt may be; only vLLM servers do")
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
            found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise ModelError(f"no vLLM server answers at {self._client.base_url}: {error}") from error
        if not isinstance(found, dict):
            raise ModelError(f"{self._client.base_url}{path} answers with {type(found).__name__}; it is no vLLM server")
        return found

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
            refuse(answer)
            for chunk in chunks(answer):
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
                    reason = stop_reason(choice) or reason
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
        if prompt.mode != self._mode:
            raise InputError(f"the server reads pages in mode {self._mode}, not {prompt.mode}", field="mode")
        if prompt.writing.num_beams > 1:
            raise InputError("the vLLM engine does no beam search; set num_beams to 1", field="num_beams")
        if prompt.adapter and prompt.adapter not in self.facts.adapters:
            known = ", ".join(self.facts.adapters) or "none"
            raise InputError(f"the server has no adapter {prompt.adapter!r}; known: {known}", field="adapter")
        return request_of(prompt, self.facts.model, self._allowed(prompt.writing))

    def _allowed(self, writing: Writing) -> frozenset[int]:
        found = (self._tokenizer.token_id(text) for text in writing.repetition_allowed)
        return frozenset(item for item in found if item is not None)
