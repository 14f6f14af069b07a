"""What a request's sender is told while it is served, and how that stream stays alive, ends with the server, and is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Literal

from deepsynth.core.documents import Summary
from deepsynth.inference.refusals import UnavailableError

TICK_SECONDS = 10.0
"""Silence after which a stream says that it is alive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Something that a request's sender may want to know at once."""

    kind: Literal["status", "token", "summary", "tick"]
    state: str = ""
    text: str = ""
    summary: Summary | None = None


async def until_stopped(items: AsyncGenerator[Told], stop: asyncio.Event) -> AsyncGenerator[Told]:
    """Yield items, and a tick after each long silence; `items` is closed in every case.

    Raises:
        UnavailableError: `stop` was set before the items came to their end.
    """
    stopped = asyncio.create_task(stop.wait())
    coming: asyncio.Task[Told | None] | None = None
    try:
        while True:
            coming = coming or asyncio.create_task(_next(items))
            await asyncio.wait({coming, stopped}, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                told, coming = coming.result(), None
                if told is None:
                    return
                yield told
            elif stopped.done():
                raise UnavailableError("the server is stopping")
            else:
                yield Told(kind="tick")
    finally:
        stopped.cancel()
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await items.aclose()


async def _next(items: AsyncIterator[Told]) -> Told | None:
    return await anext(items, None)


async def begun(items: AsyncGenerator[Told]) -> AsyncGenerator[Told]:
    """Return the same items once the first of them has come, so that what is raised before it is raised here.

    Raises:
        DeepSynthError: as `items` before its first item.
    """
    return _after(await anext(items), items)


async def _after(first: Told, items: AsyncGenerator[Told]) -> AsyncGenerator[Told]:
    try:
        yield first
        async for told in items:
            yield told
    finally:
        await items.aclose()
