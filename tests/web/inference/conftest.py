"""A server of its own process over the tiny model, for all tests of inference over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx2
import pytest
from tests.inference.test_adapters import make_adapter

PROGRAM = """
import sys
import uvicorn
from fastapi import FastAPI
from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.inference.mounting import mount_inference

app = FastAPI()
mount_inference(app, InferenceConfig.model_validate_json(sys.argv[2]))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), timeout_graceful_shutdown=5, log_level="warning")
"""


class Server:
    def __init__(self, process, port):
        self.process, self.port = process, port
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(base_url=self.url, timeout=120)

    def status(self):
        return self.client.get("/api/inference").json()

    def metrics(self):
        lines = self.client.get("/metrics").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def until(self, true, seconds=60.0):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"it did not come true in time: {self.status()}"
            time.sleep(0.05)


@contextmanager
def serve(**settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"model": "tiny", "threads": 1, **settings}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port), json.dumps(given)], env=environment, start_new_session=True
    )
    server = Server(process, port)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                server.client.get("/api/inference")
                break
            except httpx2.TransportError:
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.1)
        yield server
    finally:
        server.client.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def news(tmp_path_factory):
    """The folder of an adapter that the server knows as `news`."""
    folder = tmp_path_factory.mktemp("adapters") / "news"
    make_adapter(folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def server(news):
    with serve(body_seconds=3, adapters={"news": str(news)}) as running:
        yield running
