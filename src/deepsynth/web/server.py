"""The HTTP server: uvicorn that ends open streams when it is told to stop, and does not wait for slow headers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from deepsynth.core.errors import InputError

HEADER_SECONDS = 8.0
GRACE_SECONDS = 4


class PatientProtocol(H11Protocol):
    """Closes a connection whose next request's head does not come in time."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a request has begun, and start again for the next one's head."""
        super().data_received(data)
        cycle: Any = self.cycle  # none before the first request
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._head_timer is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Server(uvicorn.Server):
    """Calls `on_stop` as soon as it is told to stop, before it waits for open connections."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the streams, then stop as uvicorn does."""
        self._on_stop()
        super().handle_exit(sig, frame)


def serve_app(app: Any, listener: socket.socket, *, on_stop: Callable[[], None]) -> None:
    """Serve an application until a signal stops it; `on_stop` is called as soon as one comes."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        loop="asyncio",
        ws="none",
        log_config=None,  # its loggers write where all others do; see journal.py
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=32 * 2**10,
        proxy_headers=False,
    )
    Server(config, on_stop).run(sockets=[listener])


def open_listener(host: str, port: int, uds: Path | None) -> socket.socket:
    """Return a listening socket: the Unix socket `uds` where one is named, else TCP on `host` and `port`.

    Raises:
        InputError: the address is taken, or not one of this machine.
    """
    return listen(host, port) if uds is None else listen_on_socket(uds)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket.

    Raises:
        InputError: the address is taken, or not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        with contextlib.ExitStack() as unless_bound:
            unless_bound.callback(listener.close)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            unless_bound.pop_all()
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; name another --host or --port", field="port"
        ) from None
    listener.listen(512)
    return listener


def listen_on_socket(path: Path) -> socket.socket:
    """Return a listening Unix socket that only its owner can open; one that a dead server left is replaced.

    Raises:
        InputError: something else lies there, or a server answers there.
    """
    if path.exists():
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise InputError(f"{path} is no socket; name another --uds", field="uds")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise InputError(f"a server answers on {path} already", field="uds")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise InputError(f"cannot listen on {path}: {error.strerror}; name another --uds", field="uds") from None
    finally:
        os.umask(before)
    listener.listen(512)
    return listener
