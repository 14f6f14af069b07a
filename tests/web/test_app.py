from fastapi.testclient import TestClient

from deepsynth.web.app import create_app
from deepsynth.web.engine import make_engine
from deepsynth.web.services import make_services


def test_a_second_server_on_the_same_folder_only_reads_and_says_so(client, config):
    other = make_services(config, None, environment={})
    with TestClient(create_app(config, services=other), base_url="http://127.0.0.1:5000") as second:
        assert second.get("/api/jobs").status_code == 200
        assert second.get("/api/system").json()["read_only"] is True
        refused = second.post("/api/jobs", json={"kind": "training"})
        assert (refused.status_code, refused.json()["error"]) == (409, "ReadOnly")
        ready = second.get("/api/ready")
        assert (ready.status_code, ready.json()["checks"]["scheduler"]) == (503, "another server has it")


def test_where_a_worker_runs_the_queue_the_server_takes_jobs_and_says_whether_a_worker_is_there(config):
    served = config.override({"run_queue": False})
    web, worker = make_services(served, None, environment={}), make_engine(config, environment={})
    with TestClient(create_app(served, services=web), base_url="http://127.0.0.1:5000") as client:
        assert client.get("/api/system").json()["read_only"] is False
        ready = client.get("/api/ready")
        assert (ready.status_code, ready.json()["checks"]["scheduler"]) == (
            503,
            "nobody runs the queue: start deepsynth worker",
        )
        made = client.post("/api/jobs", json={"kind": "dataset", "settings": {"source": "packages"}})
        assert made.status_code == 201
        assert client.get("/api/jobs").json()["jobs"][0]["state"] == "queued"
        worker.scheduler.capacity["cpu"] = 0
        assert worker.scheduler.start()
        assert client.get("/api/ready").json()["checks"]["scheduler"] == "ok"
        refused = client.put("/api/hub/token", json={"token": "hf_" + "a" * 30})
        assert (refused.status_code, refused.json()["field"]) == (400, "token")
    assert worker.scheduler.is_running
    worker.stop(pause=False)
    worker.store.close()


def test_the_description_names_every_route_once_with_models_of_all_answers(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids)) > 45
    assert all({"401", "403", "421"} <= set(operation["responses"]) for operation in operations)


def test_jobs_come_back_after_a_restart(client, config, held):
    job = held(name="kept")
    again = make_services(config, None, environment={})
    with TestClient(create_app(config, services=again), base_url="http://127.0.0.1:5000") as second:
        assert [row["job_id"] for row in second.get("/api/jobs").json()["jobs"]] == [job.id]
