TOKEN = "hf_" + "a1B2c3D4" * 5


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


def test_the_hubs_token_goes_in_and_never_out(client, services, config, monkeypatch):
    monkeypatch.setattr(services.hub, "_ask", lambda token: "somebody")
    answers = [
        client.get("/api/hub"),
        client.put("/api/hub/token", json={"token": TOKEN}),
        client.get("/api/hub"),
        client.get("/api/system"),
        client.get("/api/audit"),
        client.put("/api/hub/token", json={"token": TOKEN + " with space"}),
        client.put("/api/hub/token", json={"token": TOKEN, "remember": True}),
        client.put("/api/hub/token", json={"tokn": TOKEN}),
        client.put(
            "/api/hub/token", content=f'{{"token": "{TOKEN}"'.encode(), headers={"content-type": "application/json"}
        ),
    ]
    assert answers[2].json() == {
        "present": True,
        "user": "somebody",
        "source": "memory",
        "checked": True,
        "keyring": False,
    }
    assert not [answer.text for answer in answers if TOKEN in answer.text]
    services.store.database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in config.state_dir.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    assert client.delete("/api/hub/token").json()["present"] is False


def test_comparisons_are_saved_by_name(client):
    body = {"jobs": ["0123456789abcdef"], "view": {"log": True}}
    (saved,) = client.put("/api/comparisons/two runs", json=body).json()["comparisons"]
    assert (saved["name"], saved["jobs"], saved["view"]) == ("two runs", body["jobs"], body["view"])
    assert client.delete("/api/comparisons/two runs").json() == {"comparisons": []}
    assert client.delete("/api/comparisons/two runs").status_code == 404
    assert client.put("/api/comparisons/a%2fb", json=body).status_code == 404
