import asyncio
import json

import pytest

from deepsynth.jobs import JobStatus
from deepsynth.web import events as module
from deepsynth.web.errors import TooManyError
from deepsynth.web.events import Events


@pytest.fixture
def events(services, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    return Events(services.store, services.executor.folder, read_only=lambda: False, most_streams=300)


def parse(block: bytes):
    fields = dict(line.split(": ", 1) for line in block.decode().strip().split("\n") if not line.startswith(":"))
    return fields.get("event"), int(fields["id"]) if "id" in fields else None, json.loads(fields["data"])


async def take(stream, count):
    return [parse(await asyncio.wait_for(anext(stream), 20)) for _ in range(count)]


def test_a_listener_hears_every_change_with_its_number(events, services):
    async def run():
        await events.start()
        stream = events.listen("127.0.0.1", None)
        (hello,) = await take(stream, 1)
        assert hello[0] == "hello"
        job = await asyncio.to_thread(services.store.create_job, "training", {})
        (created,) = await take(stream, 1)
        assert (created[0], created[2]["job_id"], created[2]["state"]) == ("job", job.id, "queued")
        await asyncio.to_thread(services.store.request, job.id, "cancel")
        (cancelled,) = await take(stream, 1)
        assert cancelled[2]["state"] == "cancelled"
        assert cancelled[1] > created[1]
        await asyncio.to_thread(services.store.delete_job, job.id)
        assert (await take(stream, 1))[0][::2] == ("deleted", {"job_id": job.id})
        await events.stop()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(stream), 5)

    asyncio.run(run())


def test_one_that_comes_back_gets_what_it_missed_once_with_the_latest_state(events, services):
    async def run():
        first = services.store.create_job("training", {})
        second = services.store.create_job("training", {})
        seen = services.store.last_event()
        services.store.request(first.id, "pause")
        services.store.request(first.id, "resume")
        services.store.request(second.id, "cancel")
        await events.start()
        stream = events.listen("127.0.0.1", seen)
        _, one, two = await take(stream, 3)
        assert [(row[2]["job_id"], row[2]["state"]) for row in (one, two)] == [
            (first.id, "queued"),
            (second.id, "cancelled"),
        ]
        third = await asyncio.to_thread(services.store.create_job, "training", {})
        assert (await take(stream, 1))[0][2]["job_id"] == third.id
        await events.stop()

    asyncio.run(run())


def test_after_a_long_absence_one_is_told_to_fetch_all(events, services, monkeypatch):
    monkeypatch.setattr(module, "MOST_REPLAYED", 2)

    async def run():
        for _ in range(5):
            services.store.create_job("training", {})
        await events.start()
        _, told = await take(events.listen("127.0.0.1", 0), 2)
        assert told == ("resync", None, {})
        await events.stop()

    asyncio.run(run())


def test_a_slow_listener_loses_its_queue_and_holds_up_nobody(events, services, monkeypatch):
    monkeypatch.setattr(module, "WAITING_EVENTS", 3)

    async def run():
        await events.start()
        slow, quick = events.listen("127.0.0.1", None), events.listen("127.0.0.1", None)
        await take(slow, 1)
        await take(quick, 1)
        for number in range(8):
            await asyncio.to_thread(services.store.create_job, "training", {}, name=str(number))
            assert (await take(quick, 1))[0][2]["name"] == str(number)
        assert (await take(slow, 1))[0][0] == "resync"
        await events.stop()

    asyncio.run(run())


def test_progress_of_running_jobs_is_told_when_it_changes(events, services):
    async def run():
        job = services.store.create_job("training", {})
        services.store.queue.claim(job.id)
        services.store.move_job(job.id, JobStatus.RUNNING)
        services.store.set_progress(job.id, 1, {"done": 1, "total": 4})
        await events.start()
        stream = events.listen("127.0.0.1", None)
        found = await take(stream, 2)
        assert found[1][0] == "progress"
        assert found[1][1] is None
        assert found[1][2]["progress"]["fraction"] == 0.25
        await events.stop()

    asyncio.run(run())


def test_one_address_of_another_machine_has_its_share(events, monkeypatch):
    monkeypatch.setattr(module, "FROM_ONE_ADDRESS", 2)

    async def run():
        await events.start()
        for client in ("10.0.0.1", "10.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"):
            events.check_room(client)
            await take(events.listen(client, None), 1)
        with pytest.raises(TooManyError):
            events.check_room("10.0.0.1")
        events.check_room("10.0.0.2")
        await events.stop()

    streams = []
    listen = Events.listen

    def remembered(self, client, last_seen):
        streams.append(listen(self, client, last_seen))
        return streams[-1]

    monkeypatch.setattr(Events, "listen", remembered)
    asyncio.run(run())
