"""Schemathesis, with every one of its checks, against the running application; jobs are queued and stay where they are.

What the second case draws is the same each time. Others, by hand: FUZZ="--max-examples 300 --seed 7" pytest --timeout 3000 THIS.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn
from tests.web.conftest import idle_services

from deepsynth.web.app import create_app
from deepsynth.web.server import listen

SETTINGS = """
[checks]
# What the schema of an address cannot say is refused with 400, and the field is named: settings are a tree of their own.
positive_data_acceptance.expected-statuses = [400, 415, "2xx", "3xx", "401", "403", "404", "409", "422", "429", "5xx"]

# What is too large to be read is refused before it is looked at.
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]

# A loaded machine is slow.
max_response_time = 280

[parameters]
job_id = "{job}"
dataset_id = "{dataset}"
upload_id = "{upload}"
"""


@pytest.fixture
def address(config):
    """Serve in a thread, on a free port."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    inference = {"model": "tiny", "threads": 1, "max_new_tokens": 8}
    config = config.override({"port": port, "inference": inference})
    services = idle_services(config)
    server = uvicorn.Server(uvicorn.Config(create_app(config, services=services), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{port}", services
    services.events.close()
    server.should_exit = True
    thread.join(timeout=60)
    listener.close()
    assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phases", "drawn"),
    [
        ("Examples,Coverage", ("--max-examples", "6", "--seed", "1", "--workers", "2")),
        ("Fuzzing,Stateful", os.environ.get("FUZZ", "--max-examples 25 --generation-deterministic").split()),
    ],
)
def test_every_route_does_what_the_openapi_description_says(address, tmp_path, phases, drawn):
    base, services = address
    job = services.store.create_job("training", {"model": "tiny"})
    (dataset,) = services.inventory.datasets()
    (tmp_path / "schemathesis.toml").write_text(
        SETTINGS.format(job=job.id, dataset=dataset.id, upload="0123456789abcdef")
    )
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{base}/api/openapi.json", "--checks", "all"),
        *("--phases", phases.lower(), *drawn, "--no-color", "--request-timeout", "60", "--warnings", "off"),
        *("--exclude-path", "/api/events"),  # has no end; see test_events.py
    ]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-20_000:]
    assert all(f"✅ {phase}\n" in answer.stdout for phase in phases.split(",")), answer.stdout[-2000:]
