"""The stream of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from deepsynth.web.incoming import LOCAL_SOCKET
from deepsynth.web.services import Wired
from deepsynth.web.sse import event_stream

router = APIRouter(tags=["events"])
_NUMBER = r"^\d{1,15}$"


@router.get(
    "/api/events",
    response_class=StreamingResponse,
    responses={
        200: {"description": "events without end", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    },
)
async def listen(
    services: Wired,
    request: Request,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
    after: Annotated[str | None, Query(alias="last_event_id", pattern=_NUMBER)] = None,
) -> StreamingResponse:
    """Tell every change of every job: `hello`, `job`, `deleted`, `progress`, `resync`."""
    client = request.client.host if request.client else LOCAL_SOCKET
    services.events.check_room(client)
    seen = last_event_id if last_event_id and last_event_id.isdecimal() and last_event_id.isascii() else after
    stream = services.events.listen(client, int(seen) if seen else None)
    return event_stream(stream)
