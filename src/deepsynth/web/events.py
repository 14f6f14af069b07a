"""The one stream of events: a task follows the store and hands each change, encoded once, to every listener.

Events of jobs carry the store's sequence number, so a listener that comes back says what it saw last and is given the rest.
A listener that reads too slowly loses its queue and is told to fetch everything anew: it can neither hold up the others nor
fill the memory.
"""

from __future__ import annotations

import asyncio
import collections
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from deepsynth import __version__
from deepsynth.core.errors import StorageError
from deepsynth.jobs import StateManager, UnknownJobError, logs
from deepsynth.jobs.folder import JobFolder, metrics_file
from deepsynth.jobs.job import ACTIVE, Job
from deepsynth.web.answers import job_values, progress_answer
from deepsynth.web.errors import TooManyError
from deepsynth.web.incoming import LOCAL_SOCKET
from deepsynth.web.sse import event_text

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
BEAT_SECONDS = 15.0
WAITING_EVENTS = 512
MOST_REPLAYED = 1000
"""After a longer absence a listener is told to fetch everything anew."""
FROM_ONE_ADDRESS = 100
_LOOPBACK = ("127.", "::1", LOCAL_SOCKET, "testclient")


class Events:
    """Follows a store and feeds the listeners."""

    def __init__(
        self,
        store: StateManager,
        folder: Callable[[str], JobFolder],
        *,
        read_only: Callable[[], bool],
        most_streams: int,
    ) -> None:
        """`folder` returns the folder of a job; at most `most_streams` may listen at once."""
        self._store, self._folder, self._read_only, self._most = store, folder, read_only, most_streams
        self._listeners: dict[asyncio.Queue[bytes | None], str] = {}
        self._last = self._sent = 0
        self._told: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def start(self) -> None:
        """Begin to follow the store."""
        self._loop = asyncio.get_running_loop()
        self._last = self._sent = await asyncio.to_thread(self._store.last_event)
        self._task = asyncio.create_task(self._follow())

    def close(self) -> None:
        """End every stream at once; may be called from a signal handler or another thread."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_streams)

    async def stop(self) -> None:
        """Stop following the store."""
        self._closed = True
        self._end_streams()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def check_room(self, client: str) -> None:
        """Refuse one listener too many.

        Raises:
            TooManyError: everybody's, or this address's, share is used up.
        """
        from_here = collections.Counter(self._listeners.values())[client]
        remote = not client.startswith(_LOOPBACK)
        if len(self._listeners) >= self._most or (remote and from_here >= FROM_ONE_ADDRESS):
            raise TooManyError("too many pages listen to events; close some, or raise `streams`")

    async def listen(self, client: str, last_seen: int | None) -> AsyncIterator[bytes]:
        """Yield events until the client goes away or the server stops; those after `last_seen` come first."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_EVENTS)
        self._listeners[queue] = client
        try:
            seen = self._sent
            hello = {"seq": seen, "version": __version__, "read_only": self._read_only()}
            yield b"retry: 2000\n" + _encoded("hello", hello)
            if last_seen is not None and last_seen < seen:
                for event in await asyncio.to_thread(self._missed, last_seen, seen):
                    yield event
            while not self._closed:
                try:
                    event = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    yield b": beat\n\n"
                    continue
                if event is None:
                    return
                yield event
        finally:
            self._listeners.pop(queue, None)

    def _missed(self, after: int, until: int) -> list[bytes]:
        events = self._store.events(after, limit=MOST_REPLAYED + 1)
        if len(events) > MOST_REPLAYED:
            return [_encoded("resync", {})]
        return self._encode([event for event in events if event["seq"] <= until])

    def _encode(self, events: list[Mapping[str, Any]]) -> list[bytes]:
        """Return one event for each job among these, with its latest state, at the place of its latest change."""
        latest = {event["job_id"]: event for event in events}
        positions: dict[str, int] | None = None
        encoded: list[bytes] = []
        for event in sorted(latest.values(), key=lambda event: event["seq"]):
            try:
                job = self._store.get_job(event["job_id"])
            except UnknownJobError:
                encoded.append(_encoded("deleted", {"job_id": event["job_id"]}, event["seq"]))
                continue
            if positions is None:
                positions = {waiting.id: place for place, waiting in enumerate(self._store.queue.waiting(), 1)}
            encoded.append(_encoded("job", job_values(job, positions.get(job.id)), event["seq"]))
        return encoded

    async def _follow(self) -> None:
        while not self._closed:
            try:
                for event in await asyncio.to_thread(self._look):
                    self._send(event)
                self._sent = self._last
            except (StorageError, OSError) as error:
                # a locked database passes, and listeners keep what they know meanwhile
                logger.warning("events wait: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    def _look(self) -> list[bytes]:
        events = self._store.events(self._last, limit=MOST_REPLAYED)
        encoded = self._encode(events)
        if events:
            self._last = events[-1]["seq"]
        active = self._store.list_jobs(statuses=ACTIVE)
        told = self._told
        self._told = {}
        for job in active:
            values = self._progress(job)
            key = json.dumps(values)
            if told.get(job.id) != key:
                encoded.append(_encoded("progress", values))
            self._told[job.id] = key
        return encoded

    def _progress(self, job: Job) -> dict[str, Any]:
        metrics = metrics_file(job.output)
        return {
            "job_id": job.id,
            "attempt": job.attempt,
            "progress": progress_answer(job.progress).model_dump(),
            "log_size": logs.size(self._folder(job.id).log),
            "metrics_size": metrics.stat().st_size if metrics.is_file() else 0,
        }

    def _send(self, event: bytes) -> None:
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(event)
                continue
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(_encoded("resync", {}))

    def _end_streams(self) -> None:
        for queue in self._listeners:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)


def _encoded(name: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    return event_text(name, data, number).encode()
