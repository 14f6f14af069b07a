"""The Ray Serve example serves a model with two replicas on this machine, outlives one of them, and stands before a server.

`make test-ray` runs it. The server is a stand-in that speaks vLLM's protocol; vLLM itself has not been run.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from deepsynth.core.documents import Document
from deepsynth.inference.stored import TRAINED_WITH
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing
from deepsynth.models.saving import save_model
from deepsynth.rendering.config import RenderConfig

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; see make test-ray"),
]
EXAMPLE = Path(__file__).parents[2] / "examples" / "serve_ray.py"
TEXT = "The lock of the harbor was closed for eleven days while divers repaired its gate."
DOCUMENT = Document(id="text", text=TEXT)
PATIENCE = (
    "RAY_raylet_start_wait_time_s",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S",
)
"""Limits of Ray's own that a busy machine does not keep."""
TOKEN = "a-token-that-only-this-test-knows"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes(parent, name):
    """Return the processes below `parent` whose command line begins with `name`."""
    below = psutil.Process(parent).children(recursive=True)
    return [process for process in below if " ".join(process.cmdline()).startswith(name)]


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts the example and returns its process and a client that has the token."""
    (tmp_path / "token").write_text(TOKEN)
    started = []

    def start(*words):
        port = free_port()
        command = [sys.executable, str(EXAMPLE), *words, f"port={port}", "cpus=0.1", f"token_file={tmp_path / 'token'}"]
        log = (tmp_path / f"log-{port}").open("wb")
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"} | dict.fromkeys(PATIENCE, "180")
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env=environment)
        started.append((process, log))
        end = time.monotonic() + 300
        while " replicas\n" not in Path(log.name).read_text():
            assert process.poll() is None and time.monotonic() < end, Path(log.name).read_text()
            time.sleep(0.2)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180)
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        return process, client

    yield start
    for process, log in started:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
        log.close()


def summarize(client):
    answer = client.post("/api/summarize", json={"text": TEXT, "options": {"max_new_tokens": 12}})
    assert answer.status_code == 200, answer.text
    return answer.json()["text"], answer.headers["X-Replica"]


def meet(client, wanted, seconds=180):
    """Ask until `wanted` replicas have answered, and return each one's text; a replica that just died may fail a request."""
    texts, end = {}, time.monotonic() + seconds
    while len(texts) < wanted:
        assert time.monotonic() < end, f"only {sorted(texts)} have answered"
        try:
            text, name = summarize(client)
            texts[name] = text
        except (httpx.TransportError, AssertionError):
            time.sleep(0.2)
    return texts


def test_two_replicas_write_what_the_model_writes_and_one_that_dies_is_replaced(serve):
    process, client = serve("replicas=2", "inference.model=nano")
    with client:
        refused = httpx.get(client.base_url.join("/v1/models"), headers={"Authorization": "Bearer another-token"})
        assert refused.status_code == 401
        assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 421
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["nano"]
        before = meet(client, 2)
        (alone,) = Summarizer.load("nano").summarize(DOCUMENT, writing=Writing(max_new_tokens=12))
        assert set(before.values()) == {alone.text}
        body = {"model": "nano", "stream": True, "max_tokens": 12, "messages": [{"role": "user", "content": TEXT}]}
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert len(lines) > 2 and lines[-1] == "data: [DONE]"
        replicas = processes(process.pid, "ray::ServeReplica")
        assert len(replicas) == 2
        replicas[0].kill()
        answered = {}
        end = time.monotonic() + 240
        while not answered.keys() - before.keys():
            assert time.monotonic() < end, "no replica came in the place of the one that was killed"
            answered |= meet(client, 1)
        assert set(answered.values()) == {alone.text}


def test_a_replica_draws_and_asks_where_a_server_runs_the_model(serve, tmp_path):
    from tests.inference.vllm_stand_in import StandIn

    there = Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128"))
    save_model(there.loaded, tmp_path / "model")
    drawn = {"rendering": there.rendering.model_dump(mode="json")}
    (tmp_path / "model" / TRAINED_WITH).write_text(json.dumps(drawn))  # else the mode that vLLM reads by default
    with StandIn(there) as server:
        words = ("replicas=1", f"inference.vllm={server.url}", f"inference.model={tmp_path / 'model'}")
        _, client = serve(*words)
        with client:
            answer = client.post("/api/summarize", json={"text": TEXT, "options": {"max_new_tokens": 8}})
            assert answer.status_code == 200, answer.text
            (here,) = there.summarize(DOCUMENT, writing=Writing(max_new_tokens=8))
            assert answer.json()["text"] == here.text
            assert answer.json()["visual_tokens"] == here.visual_tokens


def test_without_a_token_it_does_not_leave_loopback(tmp_path):
    answer = subprocess.run(
        [sys.executable, str(EXAMPLE), "host=0.0.0.0"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "a token is required" in answer.stderr.splitlines()[-1]
