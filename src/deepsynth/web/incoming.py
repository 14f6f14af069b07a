"""A request as it comes in, before any framework has read it: its head, and its body under limits of size and time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_SOCKET = "local socket"
"""What stands for the address of a client that came through a Unix socket."""
JSON_BYTES = 2**20
BODY_SECONDS = 30.0
OWN_BODIES = ("/api/uploads", "/api/summarize", "/api/plan", "/v1/")
"""Routes that take other bodies than JSON, or larger ones, and check them themselves."""


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, error: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail, self.headers = status, error, detail, headers


class IncomingBody:
    """The body of a JSON request, counted and timed while it comes.

    What is wrong with it is kept in `refused` and the reader is told that the client went away: frameworks turn errors that
    come out of reading into answers of their own.
    """

    def __init__(self, receive: Receive, *, limited: bool) -> None:
        self._receive, self._limited = receive, limited
        self._seen, self._end = 0, time.monotonic() + BODY_SECONDS
        self.refused: Refused | None = None

    def check_length(self, announced: str) -> None:
        """Refuse a body that says itself that it is too large; `announced` is its Content-Length, or nothing."""
        if self._limited and announced.isdigit() and int(announced) > JSON_BYTES:
            raise Refused(413, "TooLarge", f"the body has {int(announced):,} bytes; at most {JSON_BYTES:,} are read")

    async def receive(self) -> Message:
        """Return the next message; once the body is refused, say that the client has gone."""
        if not self._limited:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._end - time.monotonic()))
        except TimeoutError:
            return self._refuse(408, "TooSlow", f"the body did not come within {BODY_SECONDS:g} seconds")
        self._seen += len(message.get("body", b""))
        self._limited = message.get("more_body", False)
        if self._seen > JSON_BYTES:
            return self._refuse(413, "TooLarge", f"the body has more than the {JSON_BYTES:,} bytes that are read")
        return message

    def _refuse(self, status: int, error: str, detail: str) -> Message:
        self.refused = Refused(status, error, detail)
        return {"type": "http.disconnect"}


class IncomingRequest:
    """What the gate looks at, out of the raw ASGI scope."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        path, root = str(scope["path"]), str(scope.get("root_path", ""))
        self.path = path[len(root) :] if root and path.startswith(root + "/") else path
        self._headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1")
            known = self._headers.get(key)
            self._headers[key] = value.decode("latin-1") if known is None else f"{known}, {value.decode('latin-1')}"
        self.client = (scope.get("client") or (LOCAL_SOCKET, 0))[0]

    def header(self, name: str) -> str:
        """Return a header by its name in lower case; empty where there is none, joined by commas where there are several."""
        return self._headers.get(name, "").strip()

    def cookie(self, name: str) -> str:
        """Return a cookie; empty where there is none, or none that can be read."""
        try:
            found = SimpleCookie(self.header("cookie")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head."""
        return self.header("content-length") not in ("", "0") or bool(self.header("transfer-encoding"))

    @property
    def has_own_body(self) -> bool:
        """Whether the route reads and checks the body by itself (see `OWN_BODIES`)."""
        return self.path.startswith(OWN_BODIES)

    @property
    def is_api(self) -> bool:
        """Whether programs call this address, and not people."""
        return self.path.startswith(("/api/", "/v1/"))
