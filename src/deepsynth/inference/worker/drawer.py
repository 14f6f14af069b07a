"""Drawing in processes that may fail: each takes one document at a time, and is replaced when it is slow, dead or done for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from deepsynth.core.documents import DEFAULT_INSTRUCTION, Example
from deepsynth.inference.refusals import TooLargeError, from_message
from deepsynth.inference.worker.child import Child
from deepsynth.inference.worker.drawing_process import DrawLimits
from deepsynth.inference.worker.frames import Frame, unpack_pages
from deepsynth.rendering.config import RenderConfig

MODULE = "deepsynth.inference.worker.drawing_process"


class Drawer:
    """A few drawing processes, started when first needed."""

    def __init__(self, limits: DrawLimits, *, seconds: float = 30.0, processes: int = 1) -> None:
        """A document may take `seconds`, not counting the wait for a process."""
        self._limits, self._seconds = limits, seconds
        self._free: asyncio.Queue[Child | None] = asyncio.Queue()
        for _ in range(processes):
            self._free.put_nowait(None)
        self.waiting = 0
        """Documents that wait for a process or are being drawn."""

    async def draw(self, identity: str, parts: Sequence[tuple[str, bytes]], rendering: RenderConfig) -> Example:
        """Return the parts (kind and content of each) as one example.

        Raises:
            InputError: a part cannot be read or drawn; `TooLargeError` where limits forbid it.
        """
        self.waiting += 1
        try:
            child = await self._free.get()
        except asyncio.CancelledError:
            self.waiting -= 1
            raise
        usable: Child | None = None
        try:
            child = child if child is not None and child.alive else await self._start()
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(child, parts, rendering)
            if answer is None:
                raise TooLargeError(
                    "the document made drawing fail; it is damaged or takes more memory than is allowed"
                )
            usable = child
        except TimeoutError as error:
            raise TooLargeError(f"drawing the document took longer than {self._seconds:g} seconds; split it") from error
        finally:
            self.waiting -= 1
            if usable is None and child is not None:
                child.kill()
            self._free.put_nowait(usable)
        if "error" in answer.header:
            raise from_message(answer.header["error"])
        pages = unpack_pages(identity, answer.header["pages"], answer.blobs)
        return Example(id=identity, pages=pages, instruction=DEFAULT_INSTRUCTION, text=answer.header["text"])

    async def close(self) -> None:
        """End the processes that are free; those at work end with their documents' requests."""
        while not self._free.empty():
            child = self._free.get_nowait()
            if child is not None:
                await child.close()

    async def _start(self) -> Child:
        child = await Child.start(MODULE)
        await child.send(Frame(header={"limits": self._limits.model_dump()}))
        return child

    async def _ask(self, child: Child, parts: Sequence[tuple[str, bytes]], rendering: RenderConfig) -> Frame | None:
        header = {
            "kinds": [kind for kind, _ in parts],
            "rendering": rendering.model_dump(mode="json"),
            "limits": self._limits.model_dump(),
        }
        try:
            await child.send(Frame(header=header, blobs=[content for _, content in parts]))
        except ConnectionError:
            return None
        return await child.receive()
