"""The gate in front of every route: it checks Host, Origin, login and content type before anything is routed.

Browsers let any page on the web send requests to this machine. What stops them here: names that are not ours are refused (DNS
rebinding), unsafe methods and the API need our own origin, JSON routes take nothing that a form can send, and nothing is
ever decided by a header that a client can choose freely. Pure ASGI, so that streams and disconnects pass through.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from deepsynth.web.incoming import App, IncomingBody, IncomingRequest, Message, Receive, Refused, Scope, Send
from deepsynth.web.login import COOKIE, Login

Audit = Callable[[str, str, int, str], None]
"""(method, path, status, client) of a request that may change something"""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
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
        request = IncomingRequest(scope)
        answered: list[int] = []

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                _add_headers(message, request)
            await send(message)

        try:
            self._check(request)
            body = IncomingBody(receive, limited=not request.has_own_body)
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

    def _check(self, request: IncomingRequest) -> None:
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

    def _check_host(self, request: IncomingRequest) -> None:
        host = request.header("host").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if host in self._hosts or name in self._hosts or name in LOOPBACK:
            return
        raise Refused(
            421,
            "UnknownHost",
            f"this server is not {host[:100]!r}; if it is, allow the name: DEEPSYNTH_UI_ALLOWED_HOSTS",
        )

    def _is_known(self, request: IncomingRequest) -> bool:
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() == "bearer" and self._login.accepts_token(token.strip()):
            return True
        cookie = request.cookie(COOKIE)
        return bool(cookie) and self._login.accepts_session(cookie)

    def _is_open(self, path: str) -> bool:
        return path in OPEN or path.startswith("/static/")

    async def _answer(self, refused: Refused, request: IncomingRequest, send: Send) -> None:
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


def _check_origin(request: IncomingRequest) -> None:
    site = request.header("sec-fetch-site")
    if (request.method not in SAFE or request.is_api) and site not in ("", "same-origin", "none"):
        raise Refused(403, "ForeignOrigin", f"a page of another site ({site}) may not call this server")
    origin = request.header("origin")
    if request.method in SAFE or not origin:
        return
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or host.lower() != request.header("host").lower():
        raise Refused(403, "ForeignOrigin", f"a page of {origin[:100]} may not call this server")


def _check_content_type(request: IncomingRequest) -> None:
    if request.has_own_body or not request.has_body:
        return
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(
            415, "WrongContentType", f"send application/json, not {kind[:60] or 'a body without a content type'}"
        )


def _add_headers(message: Message, request: IncomingRequest) -> None:
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))
    present = {name.lower() for name, _ in headers}
    extra = dict(HEADERS)
    if request.is_api:
        extra["cache-control"] = "no-store"
    headers += [(name.encode(), value.encode()) for name, value in extra.items() if name.encode() not in present]
    message["headers"] = headers
