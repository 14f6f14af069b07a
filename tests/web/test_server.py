import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import httpx
import pytest

from deepsynth.core.errors import InputError
from deepsynth.web.server import listen, listen_on_socket


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(tmp_path, *flags, environment=None):
    """Run a real server and yield its process and its port."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "deepsynth",
        "web",
        "--port",
        str(port),
        "--state-dir",
        str(tmp_path / "state"),
        *flags,
    ]
    with (tmp_path / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, stderr=log, stdout=log, env={**os.environ, **(environment or {})}, cwd=tmp_path
        )
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=2)
                break
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.05)
        yield process, port
    finally:
        process.kill()
        process.wait()


def test_streams_end_when_the_server_is_told_to_stop_and_slow_heads_are_cut(tmp_path):
    """One server for both, since starting one is most of the cost."""
    with running(tmp_path) as (process, port):
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        began = time.monotonic()
        ended = []

        def follow():
            try:
                with httpx.stream("GET", f"http://127.0.0.1:{port}/api/events", timeout=60) as stream:
                    for _ in stream.iter_bytes():
                        pass
            except httpx.TransportError:
                pass
            ended.append(time.monotonic())

        threads = [threading.Thread(target=follow) for _ in range(50)]
        for thread in threads:
            thread.start()
        slow.settimeout(30)
        assert slow.recv(100) == b""
        assert time.monotonic() - began < 25
        slow.close()
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        assert process.wait(timeout=30) == 0 or process.returncode == -signal.SIGTERM
        for thread in threads:
            thread.join()
        assert len(ended) == 50
        assert time.monotonic() - told < 6


def test_a_taken_port_is_one_clear_line():
    with listen("127.0.0.1", 0) as taken, pytest.raises(InputError, match="another --host or --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_a_unix_socket_is_for_its_owner_alone_and_replaces_only_a_dead_one(tmp_path):
    path = tmp_path / "s"
    with listen_on_socket(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(InputError, match="answers"):
            listen_on_socket(path)
    with listen_on_socket(path):  # the first one is dead now
        pass
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no socket"):
        listen_on_socket(tmp_path / "file")
