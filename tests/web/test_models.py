import pytest
from tests.web.test_inventory import checkpoint

from deepsynth.jobs import JobStatus


@pytest.fixture
def trained(services, held):
    """A completed training job with two checkpoints, the second made from a third party's model."""
    job = held(output=str(services.place.artifacts / "x"), name="mine")
    for target in (JobStatus.STARTING, JobStatus.RUNNING, JobStatus.SUCCEEDED):
        services.store.move_job(job.id, target)
    run = services.place.artifacts / job.id
    run.mkdir()
    first = checkpoint(run, 5)
    checkpoint(run, 10, base=str(first))
    return job


def test_presets_are_those_of_the_command_line(client):
    presets = client.get("/api/training/presets").json()["presets"]
    assert list(presets) == ["quick_test", "standard", "high_quality", "memory_efficient"]
    assert presets["standard"]["num_epochs"] == 3
    assert presets["memory_efficient"]["settings"]["lora"] == {
        "rank": 16,
        "targets": "attention",
        "base_dtype": "bfloat16",
    }


def test_checkpoints_of_completed_jobs(client, trained, held):
    held()
    (found,) = client.get("/api/training/checkpoints").json()["checkpoints"]
    assert (found["job_id"], found["model_name"]) == (trained.id, "tiny")
    assert {row["name"]: row["step"] for row in found["checkpoints"]} == {"checkpoint-5": 5, "checkpoint-10": 10}
    assert all(row["size_mb"] >= 0 and row["id"] for row in found["checkpoints"])


def test_models_have_a_lineage_and_are_kept_or_deleted(client, trained):
    models = {
        model["name"].partition("/")[2]: model
        for model in client.get("/api/models").json()["models"]
        if model["job_id"]
    }
    first, second = models["checkpoint-5"], models["checkpoint-10"]
    assert second["base"] == first["reference"]
    assert first["base"] == "nano"
    assert client.patch(f"/api/models/{first['id']}", json={"keep": True}).json()["model"]["keep"] is True
    assert client.delete(f"/api/models/{first['id']}").status_code == 409
    answer = client.post("/api/models/delete", json={"ids": [second["id"]]}).json()
    assert answer["deleted"] == [second["id"]]
    assert answer["freed_bytes"] == second["bytes"]
    assert client.get(f"/api/models/{second['id']}").status_code == 404
    shown = client.get(f"/api/models/{first['id']}").json()["model"]
    assert {file["path"] for file in shown["files"]} >= {"model.safetensors", "manifest.json"}
    client.patch(f"/api/models/{first['id']}", json={"keep": False})
    assert client.delete(f"/api/models/{first['id']}").status_code == 200


def test_built_in_sizes_come_first(client):
    assert [model["id"] for model in client.get("/api/models").json()["models"]][:3] == [
        "nano",
        "nano-untrained",
        "tiny",
    ]
