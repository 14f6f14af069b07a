from deepsynth.jobs import Needs


def test_health_answers_ok(client):
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_looks_at_store_disk_and_queue(client, services, monkeypatch):
    assert client.get("/api/ready").json() == {
        "ready": True,
        "checks": {"store": "ok", "disk": "ok", "scheduler": "ok", "inference": "ok"},
    }
    monkeypatch.setattr("deepsynth.web.routes.system.disk_free", lambda folder: 1)
    answer = client.get("/api/ready")
    assert (answer.status_code, answer.json()["checks"]["disk"]) == (503, "nearly full")


def test_the_machine_and_the_limits(client, config):
    found = client.get("/api/system").json()
    assert found["cpus"] >= 1
    assert found["slots"] == {"cpu": 1, "gpu": 0}
    assert found["folders"] == [str(folder) for folder in config.folders]
    assert found["limits"]["upload_bytes"] == config.upload_bytes


def test_machines_that_share_the_queue_are_told_with_what_they_run(client, services, monkeypatch):
    assert client.get("/api/system").json()["machines"] == [], "nobody shares it"
    monkeypatch.setattr(services.scheduler, "_host", "desk")
    object.__setattr__(services.place, "host", "desk")
    for name, gpus in (("desk", 0), ("rack", 2)):
        services.store.machines.greet(name, {"cpu": 1, "gpu": gpus})
    job = services.store.create_job("export", {}, needs=Needs(cpu=1, gpu=1))
    services.store.queue.start_next({"cpu": 1, "gpu": 2}, "rack")
    assert client.get("/api/system").json()["machines"] == [
        {"name": "desk", "here": True, "slots": {"cpu": 1, "gpu": 0}, "leases": {}},
        {"name": "rack", "here": False, "slots": {"cpu": 1, "gpu": 2}, "leases": {"cpu:0": job.id, "gpu:0": job.id}},
    ]
