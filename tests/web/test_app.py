import pytest
from fastapi.testclient import TestClient

from deepsynth.jobs import StateManager
from deepsynth.web.app import create_app
from deepsynth.web.config import WebConfig


@pytest.fixture
def client(tmp_path):
    with TestClient(create_app(WebConfig(state_dir=tmp_path))) as client:
        yield client


def test_health_answers_ok(client):
    answer = client.get("/api/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_jobs_of_the_store_are_listed(client, tmp_path):
    job = StateManager(tmp_path).create_job("train", {"batch_size": 2})
    listed = client.get("/api/jobs").json()["jobs"]
    assert [(row["id"], row["status"], row["config"]) for row in listed] == [(job.id, "queued", {"batch_size": 2})]
    assert client.get(f"/api/jobs/{job.id}").json() == listed[0]


def test_an_unknown_job_is_a_404_that_names_it(client):
    answer = client.get("/api/jobs/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"] == "UnknownJobError"
    assert "nothing" in answer.json()["detail"]
