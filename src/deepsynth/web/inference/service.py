"""Behind the routes: admits requests, has documents drawn and summaries written, and tells what happens to each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry

from deepsynth.core.documents import Example, Summary
from deepsynth.core.errors import DeepSynthError, InputError, SettingsError
from deepsynth.inference.asking import Asking
from deepsynth.inference.refusals import BusyError, UnavailableError, UnknownModelError
from deepsynth.inference.stored import stored_rendering
from deepsynth.inference.worker.drawer import Drawer
from deepsynth.inference.worker.model_worker import ModelWorker
from deepsynth.rendering.config import RenderConfig
from deepsynth.web.inference.bodies import Held
from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.inference.metrics import Metrics
from deepsynth.web.inference.telling import Told, begun, until_stopped

GRACE_SECONDS = 3.0
"""How long what is being written may go on after the server was told to stop."""

Parts = Sequence[tuple[str, bytes]]
"""Kind and content of each part of a document."""


class InferenceService:
    """Serves one model. Used under one event loop."""

    def __init__(self, config: InferenceConfig, registry: CollectorRegistry) -> None:
        self.config, self.registry = config, registry
        self.worker = ModelWorker(config.model_settings())
        self.drawer = Drawer(config.limits, seconds=config.draw_seconds, processes=config.draw_processes)
        self.held = Held(config.held_bytes)
        self.metrics = Metrics(registry)
        self.active = 0
        """Requests between their body and their end."""
        self._began = time.monotonic()
        self._numbers = 0
        self._seconds = 1.0  # a running mean of what a summary takes, for Retry-After
        self._stopping, self._stopped = False, asyncio.Event()
        self._loading: asyncio.Task[Any] | None = None
        self._ending: asyncio.TimerHandle | None = None

    @property
    def state(self) -> str:
        """`unloaded`, `starting`, `ready`, `failed` or `stopping`."""
        return "stopping" if self._stopping else self.worker.state

    @property
    def takes_requests(self) -> bool:
        """Whether a request has a chance: the model is there, or loads when it is asked for."""
        preloaded = not self.config.preload or self.worker.state == "ready"
        return preloaded and self.state not in ("failed", "stopping")

    def status(self) -> dict[str, Any]:
        """Return what `GET /api/inference` shows."""
        facts = self.worker.facts or {}
        running, waiting = self.worker.load
        limits = self.config.limits
        return {
            "state": self.state,
            "model": self.config.model,
            "adapters": sorted(facts.get("adapters") or self.config.adapters),
            "modes": facts.get("modes"),
            "mode": facts["rendering"]["mode"] if facts else None,
            "window": facts.get("window"),
            "parameters": facts.get("parameters"),
            "trained": facts.get("trained"),
            "device": facts.get("device"),
            "running": running,
            "waiting": max(0, self.active - running),
            "waiting_prompts": waiting,
            "max_running": self.config.max_running,
            "max_waiting": self.config.max_waiting,
            "detail": self.worker.detail,
            "limits": {
                "json_bytes": self.config.json_bytes,
                "body_bytes": self.config.body_bytes,
                "pixels": limits.pixels,
                "pages": limits.pages,
                "text_chars": limits.text_chars,
                "max_new_tokens": self.config.max_new_tokens,
            },
            "uptime_seconds": round(time.monotonic() - self._began, 1),
        }

    @property
    def model_names(self) -> list[str]:
        """What requests may ask for: the model as it is, then its adapters."""
        return [self.config.model, *self.status()["adapters"]]

    def adapter_of(self, model: str | None, adapter: str, *, field: str = "model") -> str:
        """Return the adapter that a request asks for by the name of a model, by its own, or by neither.

        Raises:
            UnknownModelError: no model of that name is served.
            InputError: both are named and differ.
        """
        if model is not None and model not in self.model_names:
            raise UnknownModelError(f"no model {model!r} is served; known: {', '.join(self.model_names)}", field=field)
        named = "" if model in (None, self.config.model) else model
        if named and adapter and named != adapter:
            raise InputError(f"model {model!r} is an adapter and adapter {adapter!r} another; name one", field=field)
        return named or adapter

    async def load(self) -> None:
        """Load the model.

        Raises:
            UnavailableError: it cannot be loaded, or the server is stopping.
        """
        self._refuse_when_stopping()
        await self.worker.ready()

    async def unload(self) -> None:
        """Give the model's memory back; the next request loads it again."""
        await self.worker.unload()

    def load_soon(self) -> None:
        """Begin to load the model without waiting for it; what goes wrong shows in `state` and `detail`."""
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load_quietly())

    async def _load_quietly(self) -> None:
        try:
            await self.load()
        except DeepSynthError as error:
            self.worker.detail = str(error)

    def begin_stop(self) -> None:
        """Take no more requests, and end what is still being written after a short grace."""
        if not self._stopping:
            self._stopping = True
            self._ending = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._stopped.set)

    async def close(self) -> None:
        """End all processes."""
        self.begin_stop()
        self._stopped.set()
        if self._ending is not None:
            self._ending.cancel()
        if self._loading is not None:
            self._loading.cancel()
        await self.worker.unload()
        await self.drawer.close()

    async def run(self, parts: Parts, asking: Asking) -> AsyncGenerator[Told]:
        """Yield what happens to a request, the summary last. Leaving early stops the work.

        Raises:
            BusyError: as many requests wait already as may.
            UnavailableError: the model cannot be loaded, died, or the server stops.
            DeepSynthError: the request cannot be served.
        """
        self._refuse_when_stopping()
        self._check(asking)
        if self.active >= self.config.most:
            self.metrics.requests.labels("BusyError").inc()
            raise BusyError(
                f"{self.active} requests are served or wait already, as many as may; try again",
                retry_after=self._retry_after(),
            )
        self.active += 1
        began, first, outcome = time.monotonic(), True, "canceled"
        try:
            async for told in until_stopped(self._steps(parts, asking), self._stopped):
                if told.kind == "token" and first:
                    first = False
                    self.metrics.first.observe(time.monotonic() - began)
                if told.summary is not None:
                    outcome = "ok"
                    self._finished(told.summary, time.monotonic() - began)
                yield told
        except DeepSynthError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.active -= 1
            self.metrics.requests.labels(outcome).inc()

    async def start(self, parts: Parts, asking: Asking) -> AsyncGenerator[Told]:
        """Return `run` once the request is admitted, so that a refusal can still be an HTTP status.

        Raises:
            DeepSynthError: the request is not admitted.
        """
        return await begun(self.run(parts, asking))

    async def summarize(self, parts: Parts, asking: Asking) -> Summary:
        """Return the summary of a document, for senders who want nothing before it (see `run` for what is raised)."""
        async for told in self.run(parts, asking):
            if told.summary is not None:
                return told.summary
        raise AssertionError("a request ended without summary and without error")

    def rendering(self, asking: Asking) -> RenderConfig:
        """Return how a document is drawn for a request: as the model was trained, which its folder tells before it is loaded.

        Raises:
            SettingsError: there is no such mode.
        """
        facts = self.worker.facts
        known = RenderConfig.parse(facts["rendering"]) if facts else stored_rendering(self.config.model)
        usual = known or RenderConfig()
        changes = {"mode": asking.mode or usual.mode, "max_pages": asking.max_pages}
        return usual.override(changes)

    async def draw(self, parts: Parts, asking: Asking) -> Example:
        """Return a document's pages and text."""
        self._numbers += 1
        example = await self.drawer.draw(f"request-{self._numbers}", parts, self.rendering(asking))
        return replace(example, instruction=asking.instruction)

    def update_gauges(self) -> None:
        """Set the gauges to what is so now."""
        running, _ = self.worker.load
        self.metrics.running.set(running)
        self.metrics.waiting.set(max(0, self.active - running))
        self.metrics.loaded.set(self.worker.state == "ready")
        self.metrics.starts.set(self.worker.starts)

    async def _steps(self, parts: Parts, asking: Asking) -> AsyncGenerator[Told]:
        yield Told(kind="status", state="queued")
        await self.worker.ready()  # the facts say how pages are drawn
        yield Told(kind="status", state="drawing")
        example = await self.draw(parts, asking)
        yield Told(kind="status", state="writing")
        async for item in self.worker.summarize(example, asking):
            if isinstance(item, Summary):
                yield Told(kind="summary", summary=item)
            else:
                yield Told(kind="token", text=item)

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise UnavailableError("the server is stopping", retry_after=10)

    def _check(self, asking: Asking) -> None:
        if asking.writing.max_new_tokens > self.config.max_new_tokens:
            raise SettingsError(
                f"max_new_tokens {asking.writing.max_new_tokens} is above {self.config.max_new_tokens}, the most here",
                field="max_new_tokens",
            )
        self.rendering(asking)
        known = (self.worker.facts or {}).get("modes")
        if asking.mode and known and asking.mode not in known:
            raise SettingsError(
                f"mode {asking.mode!r} does not fit the model; it reads {', '.join(known)}", field="mode"
            )

    def _finished(self, summary: Summary, seconds: float) -> None:
        self._seconds += 0.1 * (summary.seconds - self._seconds)
        self.metrics.whole.observe(seconds)
        self.metrics.count(summary)

    def _retry_after(self) -> int:
        return min(60, max(1, round(self._seconds * self.active / self.config.max_running)))
