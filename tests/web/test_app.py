from fastapi.testclient import TestClient

from deepsynth.web.app import create_app
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
