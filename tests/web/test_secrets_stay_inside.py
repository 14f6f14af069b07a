"""No secret in a page, a log, the process list, an address or the database: a server and a job with two of them, searched."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

ACCESS, HUB = "the-access-token-of-this-test", "hf_" + "TheHubTokenOfThisTest" * 2
pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path):
    (tmp_path / "token").write_text(ACCESS)
    command = [sys.executable, "-m", "deepsynth", "web", "--uds", "socket", "--state-dir", "state"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DEEPSYNTH_LOG": "DEBUG"}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--token-file", "token"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    yield process
    process.terminate()
    process.wait(timeout=60)


def listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@pytest.fixture
def client(server, tmp_path):
    end = time.monotonic() + 120
    while not listens(tmp_path / "socket"):
        assert server.poll() is None and time.monotonic() < end, (tmp_path / "server.log").read_text()
        time.sleep(0.1)
    transport = httpx.HTTPTransport(uds=str(tmp_path / "socket"))
    headers = {"authorization": f"Bearer {ACCESS}"}
    with httpx.Client(transport=transport, base_url="http://localhost", headers=headers, timeout=60) as client:
        yield client


def arguments_and_environments(root):
    """Return what the process list shows of a server and its jobs."""
    shown = []
    for process in psutil.process_iter():
        try:
            if str(root) in "\n".join([process.cwd(), *process.cmdline()]):
                shown.append((" ".join(process.cmdline()), json.dumps(process.environ())))
        except psutil.Error:
            continue
    return shown


def test_neither_the_access_token_nor_that_of_the_hub_is_found_anywhere(server, client, tmp_path):
    assert client.put("/api/hub/token", json={"token": HUB}).json()["present"] is True
    (tmp_path / "rows.jsonl").write_text('{"text": "' + HUB + '", "summary": "' + ACCESS + '"}\n')
    job = client.post(
        "/api/jobs",
        json={"kind": "dataset", "name": "reads the Hub", "settings": {"source": "somebody/something"}},
    ).json()["job_id"]
    seen, states = [], set()
    end = time.monotonic() + 120
    while "ended" not in states:
        seen += arguments_and_environments(tmp_path)
        state = client.get(f"/api/jobs/{job}").json()["job"]["state"]
        states.add("ended" if state in ("failed", "succeeded", "interrupted") else state)
        assert time.monotonic() < end, states
    jobs = [line for line, _ in seen if f"jobs work {job}" in line]
    assert jobs, "the work of the job was seen in the process list"
    assert any("HF_TOKEN_PATH" in environment for _, environment in seen), "it was handed a token, as a file"

    answers = [client.get(path).text for path in addresses(client, job)]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in ("token", "rows.jsonl")]
    assert any(path.name == "jobs.sqlite" for path in files)
    assert any(path.suffix == ".log" for path in files)
    for secret in (ACCESS, HUB):
        assert not [path for path in files if secret.encode() in path.read_bytes()], secret
        assert not [answer[:200] for answer in answers if secret in answer], secret
        assert not [line for line, environment in seen if secret in line or secret in environment], secret
    memory = [
        Path(json.loads(environment)["HF_TOKEN_PATH"]) for _, environment in seen if "HF_TOKEN_PATH" in environment
    ]
    end = time.monotonic() + 60
    while any(path.exists() for path in memory):
        assert time.monotonic() < end, "the file goes with its attempt"
        time.sleep(0.1)


def addresses(client, job):
    """Return every address that can be read, with this job in the place of an id."""
    for path, methods in client.get("/api/openapi.json").json()["paths"].items():
        if "get" in methods and path != "/api/events":
            concrete = path.replace("{job_id}", job)
            if "{" not in concrete:
                yield concrete
