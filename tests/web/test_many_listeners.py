"""Two hundred pages listen at once over real connections: each hears every change once, in order, those too that come back."""

import asyncio
import json
import threading

import pytest
import uvicorn
from tests.web.conftest import idle_services

from deepsynth.web.app import create_app
from deepsynth.web.server import listen

LISTENERS, CHANGES = 200, 60
pytestmark = pytest.mark.slow


@pytest.fixture
def served(config):
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    services = idle_services(config.override({"port": port}))
    services.scheduler.capacity["cpu"] = 0
    app = create_app(services.config, services=services)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", backlog=512))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield port, services
    services.events.close()
    server.should_exit = True
    thread.join(timeout=60)
    listener.close()
    assert not thread.is_alive()


class Page:
    """A listener that keeps what it hears, by the number of the change."""

    def __init__(self, port):
        self._port = port
        self.heard = []
        self.resync = False

    async def follow(self, enough, last=None):
        """Read until `enough()`; `last` is what was heard before a break."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        writer.write((head + (f"Last-Event-ID: {last}\r\n" if last else "") + "\r\n").encode())
        await writer.drain()
        kind = number = None
        try:
            while not enough(self):
                line = (await asyncio.wait_for(reader.readline(), 60)).decode().rstrip("\r\n")
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    number = int(value)
                elif name == "data" and kind == "job":
                    self.heard.append((number, json.loads(value)["name"]))
                elif name == "data" and kind == "hello":
                    self.ready.set()
                elif name == "data" and kind == "resync":
                    self.resync = True
        finally:
            writer.close()
            await writer.wait_closed()


async def scenario(port, services, job):
    pages = [Page(port) for _ in range(LISTENERS)]
    for page in pages:
        page.ready = asyncio.Event()
    last = services.store.last_event() + CHANGES

    def all_heard(page):
        return page.resync or (page.heard and page.heard[-1][0] >= last)

    def half_heard(page):
        return page.resync or len(page.heard) >= 3

    async def breaking(page):
        """Hang up in the middle, and come back with what was heard last."""
        await page.follow(half_heard)
        await page.follow(all_heard, last=page.heard[-1][0])

    tasks = [
        asyncio.create_task(breaking(page) if place % 4 == 0 else page.follow(all_heard))
        for place, page in enumerate(pages)
    ]
    await asyncio.gather(*(page.ready.wait() for page in pages))
    for change in range(CHANGES):
        await asyncio.to_thread(services.store.rename, job.id, f"name {change}")
        await asyncio.sleep(0.1)
    await asyncio.gather(*tasks)
    return pages


def test_each_of_two_hundred_pages_hears_every_change_once(served):
    port, services = served
    job = services.store.create_job("training", {"model": "tiny"})
    pages = asyncio.run(scenario(port, services, job))
    for page in pages:
        numbers = [number for number, _ in page.heard]
        assert not page.resync
        assert numbers == sorted(set(numbers)), "none twice, none out of order"
        assert page.heard[-1][1] == f"name {CHANGES - 1}", "the newest state was heard"
