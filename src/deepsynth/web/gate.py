"""The gate in front of every route: whoever knocks is asked for Host, Origin, login and content type, before any routing.

Browsers let any page on the web send requests to this machine. What stops them here: names that are not ours are refused (DNS
rebinding), unsafe methods and the API need our own origin, JSON routes take nothing that a form can send, and nothing is
ever decided by a header that a client can choose freely. Pure ASGI, so that streams and disconnects pass through.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import PurePosixPath
from typing import Any

from deepsynth.web.login import COOKIE, Login

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Audit = Callable[[str, str, int, str], None]
"""(method, path, status, client) of a request that may change something"""

JSON_BYTES = 2**20
BODY_SECONDS = 30.0
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_BODIES = ("/api/uploads", "/api/summarize", "/api/plan", "/v1/")
"""Routes that take other bodies than JSON, or larger ones, and check them themselves."""
OPEN = frozenset({"/api/health", "/api/session", "/api/login", "/login"})
"""What answers without login; the files under /static/ do too, for the login page needs them."""
PAGES = frozenset({"/", "/login"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, error: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail, self.headers = status, error, detail, headers


class Gate:
    """ASGI middleware; see the module."""

    def __init__(
        self,
        app: App,
        *,
        login: Login,
        hosts: frozenset[str],
        read_only: Callable[[], bool],
        audit: Audit,
        login_page: Callable[[], str],
    ) -> None:
        """Put it before `app`.

        Args:
            app: what is behind.
            login: who may pass.
            hosts: names beside the loopback ones by which the application may be called, with or without a port.
            read_only: whether another server has the state folder, so that nothing may be changed here.
            audit: is told of every request that may change something.
            login_page: the page for people who are not logged in.
        """
        self._app, self._login, self._hosts = app, login, hosts
        self._read_only, self._audit, self._login_page = read_only, audit, login_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        request = _Request(scope)
        answered: list[int] = []

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                _add_headers(message, request.path)
            await send(message)

        try:
            self._check(request)
            body = _Body(receive, limited=not request.has_own_body)
            body.check_length(request.header("content-length"))

            async def unless_refused(message: Message) -> None:
                if body.refused is None:
                    await headed(message)

            await self._app(scope, body.receive, unless_refused)
            if body.refused is not None and not answered:
                raise body.refused
        except Refused as refused:
            await self._answer(refused, request, headed)
        finally:
            if request.method not in SAFE and answered:
                await asyncio.to_thread(self._audit, request.method, request.path, answered[0], request.client)

    def _check(self, request: _Request) -> None:
        self._check_host(request)
        _check_origin(request)
        if self._login.required and not self._is_open(request.path) and not self._is_known(request):
            raise Refused(401, "LoginRequired", "log in first: open the login link or send the token as Bearer")
        if request.method in SAFE:
            return
        _check_content_type(request)
        if self._read_only() and request.path not in OPEN and request.path != "/api/logout":
            raise Refused(
                409, "ReadOnly", "another server runs on this state folder; this one only reads: use the other"
            )

    def _check_host(self, request: _Request) -> None:
        host = request.header("host").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if host in self._hosts or name in self._hosts or name in LOOPBACK:
            return
        raise Refused(
            421,
            "UnknownHost",
            f"this server is not {host[:100]!r}; if it is, allow the name: DEEPSYNTH_UI_ALLOWED_HOSTS",
        )

    def _is_known(self, request: _Request) -> bool:
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() == "bearer" and self._login.accepts_token(token.strip()):
            return True
        cookie = request.cookie(COOKIE)
        return bool(cookie) and self._login.accepts_session(cookie)

    def _is_open(self, path: str) -> bool:
        return path in OPEN or path.startswith("/static/")

    async def _answer(self, refused: Refused, request: _Request, send: Send) -> None:
        if refused.status == 401 and request.path in PAGES and request.method == "GET":
            body, media_type = self._login_page().encode(), "text/html; charset=utf-8"
        else:
            body = json.dumps({"error": refused.error, "detail": refused.detail, "field": None}).encode()
            media_type = "application/json"
        headers = {"content-type": media_type, "content-length": str(len(body)), **refused.headers}
        if refused.status == 401:
            headers["www-authenticate"] = "Bearer"
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": refused.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


class _Body:
    """The body of a JSON request, counted and timed while it comes.

    What is wrong with it is kept in `refused` and the reader is told that the client went away: frameworks turn errors that
    come out of reading into answers of their own.
    """

    def __init__(self, receive: Receive, *, limited: bool) -> None:
        self._receive, self._limited = receive, limited
        self._seen, self._end = 0, time.monotonic() + BODY_SECONDS
        self.refused: Refused | None = None

    def check_length(self, announced: str) -> None:
        if self._limited and announced.isdigit() and int(announced) > JSON_BYTES:
            raise Refused(413, "TooLarge", f"a request of {announced} bytes; the limit is {JSON_BYTES}")

    async def receive(self) -> Message:
        if not self._limited:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._end - time.monotonic()))
        except TimeoutError:
            return self._refuse(408, "TooSlow", f"the body did not come within {BODY_SECONDS:g} seconds")
        self._seen += len(message.get("body", b""))
        self._limited = message.get("more_body", False)
        if self._seen > JSON_BYTES:
            return self._refuse(413, "TooLarge", f"a request of more than {JSON_BYTES} bytes")
        return message

    def _refuse(self, status: int, error: str, detail: str) -> Message:
        self.refused = Refused(status, error, detail)
        return {"type": "http.disconnect"}


class _Request:
    """What the gate looks at."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        path, root = str(scope["path"]), str(scope.get("root_path", ""))
        self.path = path[len(root) :] if root and path.startswith(root + "/") else path
        self._headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1")
            known = self._headers.get(key)
            self._headers[key] = value.decode("latin-1") if known is None else f"{known}, {value.decode('latin-1')}"
        self.client = (scope.get("client") or ("local socket", 0))[0]

    def header(self, name: str) -> str:
        return self._headers.get(name, "").strip()

    def cookie(self, name: str) -> str:
        try:
            found = SimpleCookie(self.header("cookie")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""

    @property
    def has_body(self) -> bool:
        return self.header("content-length") not in ("", "0") or bool(self.header("transfer-encoding"))

    @property
    def has_own_body(self) -> bool:
        return any(self.path == prefix.rstrip("/") or self.path.startswith(prefix) for prefix in OWN_BODIES)

    @property
    def is_api(self) -> bool:
        return self.path.startswith(("/api/", "/v1/"))


def _check_origin(request: _Request) -> None:
    site = request.header("sec-fetch-site")
    if (request.method not in SAFE or request.is_api) and site not in ("", "same-origin", "none"):
        raise Refused(403, "ForeignOrigin", f"a page of another site ({site}) may not call this server")
    origin = request.header("origin")
    if request.method in SAFE or not origin:
        return
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or host.lower() != request.header("host").lower():
        raise Refused(403, "ForeignOrigin", f"a page of {origin[:100]} may not call this server")


def _check_content_type(request: _Request) -> None:
    if request.has_own_body or not request.has_body:
        return
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(
            415, "WrongContentType", f"send application/json, not {kind[:60] or 'a body without a content type'}"
        )


def _add_headers(message: Message, path: str) -> None:
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))
    present = {name.lower() for name, _ in headers}
    extra = dict(HEADERS)
    if path.startswith(("/api/", "/v1/")):
        extra["cache-control"] = "no-store"
    headers += [(name.encode(), value.encode()) for name, value in extra.items() if name.encode() not in present]
    message["headers"] = headers


def static_media_type(name: str) -> str | None:
    """Return the media type of a file of the front end; none for what is not served."""
    return {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".woff2": "font/woff2",
        ".json": "application/json",
        ".webmanifest": "application/manifest+json",
        ".map": "application/json",
        ".txt": "text/plain; charset=utf-8",
    }.get(PurePosixPath(name).suffix)
