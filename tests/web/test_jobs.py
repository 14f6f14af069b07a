import time

import pytest

from deepsynth.jobs import JobStatus
from deepsynth.web.inventory import identify

S = JobStatus
NONE = "0123456789abcdef"


@pytest.fixture
def request_body(dataset):
    return {
        "kind": "training",
        "preset": "quick_test",
        "settings": {"model": "tiny", "data.path": f"dataset:{identify(dataset)}"},
    }


@pytest.fixture(autouse=True)
def nothing_starts(services):
    services.scheduler.capacity["cpu"] = 0


def test_a_job_is_created_once_for_a_key_and_shown_with_all_its_shapes(client, request_body, services, dataset):
    headers = {"idempotency-key": "abcdefgh-1"}
    first = client.post("/api/jobs", json=request_body, headers=headers)
    again = client.post("/api/jobs", json=request_body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    identity = first.json()["job_id"]
    assert again.json()["job_id"] == identity
    assert len(list(services.place.jobs.iterdir())) == 1
    assert (first.json()["status"], first.json()["state"]) == ("pending", "queued")
    shown = client.get(f"/api/jobs/{identity}").json()["job"]
    assert shown["config"]["data"]["path"] == str(dataset)
    assert shown["config"]["max_steps"] == 50
    assert shown["output_path"] == str(services.place.artifacts / identity)
    assert "--model tiny" in shown["cli"]
    assert "max_steps: 50" in shown["yaml"]
    other = client.post("/api/jobs", json={**request_body, "name": "other"}, headers=headers)
    assert (other.status_code, other.json()["error"]) == (409, "IllegalMoveError")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"kind": "nothing"}, 400, "kind"),
        ({"preset": "nothing"}, 400, "preset"),
        ({"settings": {"batch_sise": 1}}, 400, "batch_sise"),
        ({"settings": {"optimizer.learning_rate": 9}}, 400, "optimizer.learning_rate"),
        ({"settings": {"output_dir": "/tmp/x"}}, 400, "output_dir"),
        ({"settings": {"model": "/etc/passwd"}}, 400, "model"),
        ({"settings": {"data": {"path": "dataset:" + NONE}}}, 404, None),
        ({"command": "rm"}, 422, "command"),
    ],
)
def test_a_wrong_setting_is_named_and_makes_no_job(client, request_body, change, status, field, services):
    body = {**request_body, **change}
    if "settings" in change:
        body["settings"] = {**request_body["settings"], **change["settings"]}
    answer = client.post("/api/jobs", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert client.get("/api/jobs").json()["total"] == 0
    assert list(services.place.jobs.iterdir()) == []


def test_a_check_says_what_would_run_and_creates_nothing(client, request_body, services):
    found = client.post("/api/jobs/check", json=request_body).json()
    assert found["ok"] is True
    assert found["cli"].startswith("deepsynth train --preset quick_test --model tiny --data.path")
    assert found["memory"]["needed_bytes"] is None
    assert "nothing is planned in this test; the first one will be measured" in found["memory"]["basis"]
    assert found["pending"] is False
    wrong = {**request_body, "settings": {"lora": {"rank": 0, "alpha": 0}, **request_body["settings"]}}
    found = client.post("/api/jobs/check", json=wrong).json()
    assert found["ok"] is False
    assert [error["field"] for error in found["errors"]] == ["lora.rank", "lora.alpha"]
    assert services.store.count_jobs() == 0


def test_lists_are_filtered_cut_and_continued(client, held, services):
    jobs = [held(kind) for kind in ("training", "dataset", "training")]
    services.store.request(jobs[2].id, "cancel")
    page = client.get("/api/jobs?limit=2").json()
    assert [job["job_id"] for job in page["jobs"]] == [jobs[2].id, jobs[1].id]
    assert page["total"] == 3
    rest = client.get(f"/api/jobs?limit=2&cursor={page['next']}").json()
    assert [job["job_id"] for job in rest["jobs"]] == [jobs[0].id]
    assert rest["next"] is None
    found = client.get("/api/jobs?type=training&state=queued&state=running").json()["jobs"]
    assert [job["job_id"] for job in found] == [jobs[0].id]
    assert found[0]["position"] == 1


def test_pause_resume_cancel_and_delete_follow_the_table(client, held, services):
    job = held(output=str(services.place.artifacts / "x"))
    url = f"/api/jobs/{job.id}"
    assert client.post(f"{url}/resume").status_code == 202  # it waits already
    assert client.post(f"{url}/pause").json()["status"] == "paused"
    assert client.post(f"{url}/pause").status_code == 202
    assert client.post(f"{url}/resume").json()["state"] == "queued"
    refused = client.delete(url)
    assert refused.status_code == 409
    assert "queued" in refused.json()["detail"]
    services.store.queue.claim(job.id)
    services.store.move_job(job.id, S.RUNNING)
    assert client.post(f"{url}/pause").json()["state"] == "pausing"
    assert client.delete(url).status_code == 409
    assert client.post(f"{url}/cancel", json={"save": False}).json()["state"] == "cancelling"
    assert services.store.get_job(job.id).save is False
    services.store.move_job(job.id, S.CANCELLED)
    assert client.post(f"{url}/resume").status_code == 409
    assert client.delete(url).json()["job_id"] == job.id
    assert client.get(url).status_code == 404
    assert [
        move["state"] for move in services.store.events(job_id=job.id)[-1:] for move in [{"state": move["what"]}]
    ] == ["deleted"]


@pytest.mark.parametrize("artifacts", ["keep", "delete"])
def test_delete_removes_what_it_says(client, request_body, services, artifacts):
    identity = client.post("/api/jobs", json=request_body).json()["job_id"]
    output = services.place.artifacts / identity
    output.mkdir()
    (output / "model").touch()
    client.post(f"/api/jobs/{identity}/cancel")
    client.delete(f"/api/jobs/{identity}?artifacts={artifacts}")
    end = time.monotonic() + 10
    while (services.place.jobs / identity).exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)
    assert not (services.place.jobs / identity).exists()
    assert output.exists() == (artifacts == "keep")


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_an_unknown_job_is_a_404(client, action):
    assert client.post(f"/api/jobs/{NONE}/{action}").status_code == 404
    for path in (
        "",
        "/progress",
        "/logs",
        "/metrics",
        "/system",
        "/samples",
        "/report",
        "/files",
        "/events",
        f"/files/{NONE}",
    ):
        assert client.get(f"/api/jobs/{NONE}{path}").status_code == 404


def test_the_queue_is_put_in_order(client, held):
    jobs = [held().id for _ in range(3)]
    answer = client.put("/api/queue", json={"order": [jobs[2]]}).json()
    assert [(job["job_id"], job["position"]) for job in answer["jobs"]] == [(jobs[2], 1), (jobs[0], 2), (jobs[1], 3)]
    assert [job["job_id"] for job in client.get("/api/queue").json()["jobs"]] == [jobs[2], jobs[0], jobs[1]]
    assert client.put("/api/queue", json={"order": [NONE]}).status_code == 404


def test_a_job_gets_another_name(client, held):
    job = held()
    assert client.patch(f"/api/jobs/{job.id}", json={"name": "better"}).json()["job"]["name"] == "better"


def test_listing_jobs_of_a_kind_that_there_is_not_is_refused_by_name(client):
    answer = client.get("/api/jobs?type=training&type=false")
    assert (answer.status_code, answer.json()["field"]) == (422, "type.1")
    assert answer.json()["detail"].startswith("type.1: no kind of job 'false'; known: dataset, ")
