def values(client):
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_jobs_and_resources_are_told_as_they_are_now(client, held, services):
    assert values(client)['deepsynth_jobs{kind="training",state="queued"}'] == 0
    job = held()
    held("dataset")
    services.store.request(job.id, "cancel")
    told = values(client)
    assert told['deepsynth_jobs{kind="training",state="cancelled"}'] == 1
    assert told['deepsynth_jobs{kind="dataset",state="queued"}'] == 1
    assert told['deepsynth_resources_held{kind="cpu"}'] == 0
    assert told["deepsynth_scheduler_running"] == 1
    assert told["deepsynth_state_free_bytes"] > 0


def test_held_resources_are_counted(client, services):
    services.store.create_job("training", {"model": "tiny"})
    services.store.queue.start_next({"cpu": 1})
    told = values(client)
    assert told['deepsynth_resources{kind="cpu"}'] >= 1
    assert told['deepsynth_resources_held{kind="cpu"}'] == 1
