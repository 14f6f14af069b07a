import json
import signal
import threading
import time

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Counter
from tests.web.inference.conftest import serve

from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.inference.mounting import mount_inference


def test_mounting_starts_no_process_and_keeps_the_lifespan_and_metrics_of_the_application():
    from contextlib import asynccontextmanager

    seen = []

    @asynccontextmanager
    async def lifespan(app):
        seen.append("start")
        yield
        seen.append("stop")

    app = FastAPI(lifespan=lifespan)
    app.state.metrics = CollectorRegistry()
    Counter("jobs_total", "Jobs.", registry=app.state.metrics).inc()
    service = mount_inference(app, InferenceConfig(model="tiny"))
    assert app.state.inference is service
    with TestClient(app) as client:
        assert client.get("/api/inference").json()["state"] == "unloaded"
        assert "jobs_total 1.0" in client.get("/metrics").text
        assert seen == ["start"]
    assert seen == ["start", "stop"]
    assert service.worker.starts == 0
    assert service.state == "stopping"


@pytest.mark.slow
def test_streams_end_within_six_seconds_after_sigterm_and_say_so():
    with serve(max_new_tokens=4000) as server:
        server.client.post("/api/summarize", json={"text": "a", "options": {"max_new_tokens": 2}})
        ends, started = [], threading.Barrier(5)

        def listen():
            body = {
                "text": "The lamp",
                "options": {"max_new_tokens": 4000, "min_new_tokens": 4000, "repetition_times": 0},
                "stream": True,
            }
            with httpx2.stream("POST", f"{server.url}/api/summarize", json=body, timeout=60) as answer:
                lines = answer.iter_lines()
                while not next(lines).startswith("event: token"):
                    pass
                started.wait(60)
                rest = [line for line in lines if line.startswith("data: ")]
            ends.append((time.monotonic(), json.loads(rest[-1].removeprefix("data: "))))

        threads = [threading.Thread(target=listen) for _ in range(4)]
        for thread in threads:
            thread.start()
        started.wait(60)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        code = server.process.wait(timeout=30)
    assert len(ends) == 4
    assert all(ended - began < 6 for ended, _ in ends)
    assert all(last["error"] == "UnavailableError" for _, last in ends)
    assert code in (0, -signal.SIGTERM)
