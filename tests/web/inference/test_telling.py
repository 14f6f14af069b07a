import asyncio

import pytest

from deepsynth.core.errors import InputError
from deepsynth.inference.refusals import UnavailableError
from deepsynth.web.inference import telling
from deepsynth.web.inference.telling import Told, begun, until_stopped

TOKENS = [Told(kind="token", text=text) for text in "abc"]


class Source:
    """Items with a pause before each; it knows whether it was closed."""

    def __init__(self, pause=0.0, error=None):
        self.pause, self.error, self.closed = pause, error, False

    async def items(self):
        try:
            if self.error is not None:
                raise self.error
            for item in TOKENS:
                await asyncio.sleep(self.pause)
                yield item
        finally:
            self.closed = True


def test_items_come_through_and_the_source_is_closed():
    async def run():
        source = Source()
        found = [told async for told in until_stopped(source.items(), asyncio.Event())]
        return found, source.closed

    assert asyncio.run(run()) == (TOKENS, True)


def test_a_long_silence_is_broken_by_ticks(monkeypatch):
    monkeypatch.setattr(telling, "TICK_SECONDS", 0.02)

    async def run():
        return [told.kind async for told in until_stopped(Source(0.1).items(), asyncio.Event())]

    kinds = asyncio.run(run())
    assert kinds.count("token") == 3
    assert kinds.count("tick") >= 3
    assert kinds[-1] == "token"


def test_a_server_that_stops_ends_the_stream_and_closes_the_source():
    async def run():
        source, stop = Source(60), asyncio.Event()
        asyncio.get_running_loop().call_later(0.02, stop.set)
        with pytest.raises(UnavailableError, match="stopping"):
            await anext(until_stopped(source.items(), stop))
        return source.closed

    assert asyncio.run(run())


def test_what_is_refused_before_the_first_item_is_raised_at_once():
    async def run():
        with pytest.raises(InputError, match="too large"):
            await begun(Source(error=InputError("too large")).items())
        source = Source()
        stream = await begun(source.items())
        found = [await anext(stream)]
        await stream.aclose()
        return found, source.closed

    assert asyncio.run(run()) == (TOKENS[:1], True)
