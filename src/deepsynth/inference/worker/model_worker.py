"""The model's process from outside: started when first needed, started again when it dies, ended when its memory is wanted."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from deepsynth.core.documents import Example, SourcedSentence, Summary
from deepsynth.inference.asking import Asking
from deepsynth.inference.refusals import UnavailableError, from_message
from deepsynth.inference.worker.child import Child
from deepsynth.inference.worker.frames import Frame, pack_pages
from deepsynth.inference.worker.settings import ModelSettings

logger = logging.getLogger(__name__)

MODULE = "deepsynth.inference.worker.model_process"
DEATHS, WITHIN_SECONDS = 3, 60.0
"""A process that died so often within so long is not started again before that time is over."""
FAILED_SECONDS = 10.0
"""A model that could not be loaded is not tried again before; requests in between hear why at once."""

Facts = dict[str, Any]


class ModelWorker:
    """One model in one process, for many requests at once. Used under one event loop."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.state = "unloaded"
        """`unloaded`, `starting`, `ready` or `failed`."""
        self.detail: str | None = None
        """Why it failed."""
        self.facts: Facts | None = None
        """What the model said of itself when it was last loaded."""
        self.load = (0, 0)
        """Prompts being written and waiting in the process."""
        self.starts = 0
        self._child: Child | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count()
        self._pending: dict[int, asyncio.Queue[Frame | None]] = {}
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._failed = -FAILED_SECONDS
        self._unloads = 0

    @property
    def pid(self) -> int | None:
        """Number of the process, while there is one."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def ready(self) -> Facts:
        """Return the model's facts, after starting its process if need be.

        Raises:
            UnavailableError: it cannot be loaded; says why.
        """
        unloads = self._unloads
        async with self._starting:
            self._refuse_when_unloaded(unloads)
            if self.state != "ready":
                await self._start()
            assert self.facts is not None
            return self.facts

    async def summarize(self, example: Example, asking: Asking) -> AsyncIterator[str | Summary]:
        """Yield pieces of text as they are written, and at last the summary. Leaving early cancels the work.

        A request whose process dies before the first piece is tried once more.

        Raises:
            DeepSynthError: the request cannot be served.
        """
        unloads = self._unloads
        for attempt in (1, 2):
            shown = False
            async for item in self._once(example, asking):
                if item is None:
                    if self._unloads != unloads:
                        raise UnavailableError("the model was unloaded before the summary was written")
                    if shown or attempt == 2:
                        raise UnavailableError("the model's process ended before the summary did; try again")
                    break
                shown = True
                yield item
            else:
                return

    async def unload(self) -> None:
        """End the process and give its memory back, also when it is still loading; requests at work are told so."""
        self._unloads += 1
        if self.state == "starting" and self._child is not None:
            self._child.kill()
        async with self._starting:
            child, self._child = self._child, None
            if child is not None:
                await child.close()
            if self._reader is not None:
                await self._reader
            self.state, self.detail = "unloaded", None

    def _refuse_when_unloaded(self, unloads: int) -> None:
        """Refuse what was asked for when `unloads` unloads were behind us, if there has been another one since."""
        if self._unloads != unloads:
            raise UnavailableError("the model was unloaded before it was loaded")

    async def _start(self) -> None:
        now, unloads = time.monotonic(), self._unloads
        if len(self._deaths) == DEATHS and now - self._deaths[0] < WITHIN_SECONDS:
            wait = WITHIN_SECONDS - (now - self._deaths[0])
            raise UnavailableError(f"the model's process died {DEATHS} times: {self.detail}", retry_after=int(wait) + 1)
        if self.state == "failed" and now - self._failed < FAILED_SECONDS:
            raise UnavailableError(f"the model cannot be loaded: {self.detail}", retry_after=int(FAILED_SECONDS))
        self.state, self.detail = "starting", None
        self.starts += 1
        child = await Child.start(MODULE)
        self._child = child
        if self._unloads != unloads:
            child.kill()
        try:
            await child.send(Frame(header={"settings": self.settings.model_dump(mode="json")}))
            first = await child.receive()
        except ConnectionError:
            first = None
        except asyncio.CancelledError:
            child.kill()
            self.state = "unloaded"
            raise
        if first is None or "failed" in first.header:
            code = await child.wait()
            if self._unloads != unloads:
                self.state = "unloaded"
            self._refuse_when_unloaded(unloads)
            reason = f"it ended with code {code}" if first is None else first.header["failed"]["message"]
            self.state, self.detail, self._failed = "failed", reason, time.monotonic()
            raise UnavailableError(f"the model cannot be loaded: {reason}", retry_after=30)
        self.facts, self.state = first.header["facts"], "ready"
        self._reader = asyncio.create_task(self._listen(child))

    async def _listen(self, child: Child) -> None:
        while (frame := await child.receive()) is not None:
            self.load = (frame.header.pop("running", 0), frame.header.pop("waiting", 0))
            waiting = self._pending.get(frame.header["id"])
            if waiting is not None:
                waiting.put_nowait(frame)
        code = await child.wait()
        self.load = (0, 0)
        if self._child is child:  # nobody asked it to end
            self._child = None
            self._deaths.append(time.monotonic())
            self.state, self.detail = "unloaded", f"it ended with code {code}"
            logger.error("the model's process ended with code %s; the next request starts it again", code)
        for waiting in self._pending.values():
            waiting.put_nowait(None)

    async def _once(self, example: Example, asking: Asking) -> AsyncIterator[str | Summary | None]:
        """Yield pieces and the summary; none says that the process has ended."""
        await self.ready()
        child = self._child
        if child is None:
            yield None
            return
        number = next(self._numbers)
        arrived = self._pending[number] = asyncio.Queue[Frame | None]()
        finished = False
        try:
            await child.send(_request(number, example, asking))
            while not finished:
                frame = await arrived.get()
                if frame is None:
                    finished = True
                    yield None
                elif "error" in frame.header:
                    finished = True
                    raise from_message(frame.header["error"])
                elif "summary" in frame.header:
                    finished = True
                    yield _summary(frame.header["summary"])
                else:
                    yield frame.header["text"]
        except ConnectionError:
            finished = True
            yield None
        finally:
            del self._pending[number]
            if not finished and child.alive:
                _keep(asyncio.create_task(_cancel(child, number)))


_tasks: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    """Hold a task until it is done: the loop itself holds only a weak reference."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _cancel(child: Child, number: int) -> None:
    try:
        await child.send(Frame(header={"do": "cancel", "id": number}))
    except ConnectionError:
        return  # it has ended, and its work with it


def _request(number: int, example: Example, asking: Asking) -> Frame:
    facts, blobs = pack_pages(example.pages)
    header = {
        "do": "summarize",
        "id": number,
        "document": example.id,
        "text": example.text,
        "pages": facts,
        "asking": asking.model_dump(mode="json", exclude_unset=True),
    }
    return Frame(header=header, blobs=blobs)


def _summary(values: dict[str, Any]) -> Summary:
    given: dict[str, Any] = {name: value for name, value in values.items() if name != "compression"}
    given["sources"] = tuple(
        SourcedSentence(sentence=item["sentence"], pages=tuple(item["pages"]), basis=item["basis"])
        for item in values["sources"]
    )
    return Summary(**given)
