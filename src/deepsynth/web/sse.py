"""Server-sent events: how one is written, and the answer that carries a stream of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse


def event_text(name: str, data: Any, number: int | None = None) -> str:
    """Return an event; a listener that comes back names the `number` of the last one that it saw."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def event_stream(events: AsyncIterator[str] | AsyncIterator[bytes]) -> StreamingResponse:
    """Return an answer of events that nothing on the way should keep or hold back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
