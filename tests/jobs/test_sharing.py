from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import ExitRecord

LEASE = 60


def let_pass(store, seconds):
    with store.database.write() as transaction:
        for table in ("jobs", "hosts"):
            transaction.run(f"UPDATE {table} SET heard_at = heard_at - ?", (seconds,))


def test_a_machine_is_known_until_it_leaves_or_falls_silent(store):
    store.machines.greet("alpha", {"cpu": 2, "gpu": 0})
    store.machines.greet("beta", {"cpu": 1, "gpu": 1})
    store.machines.greet("alpha", {"cpu": 3, "gpu": 0})
    assert store.machines.heard_within(LEASE) == {"alpha": {"cpu": 3, "gpu": 0}, "beta": {"cpu": 1, "gpu": 1}}
    store.machines.leave("alpha")
    assert set(store.machines.heard_within(LEASE)) == {"beta"}
    let_pass(store, LEASE + 1)
    assert store.machines.heard_within(LEASE) == {}


def test_only_other_machines_attempts_that_were_silent_for_the_whole_lease_are_named(store):
    job = store.create_job("training", {})
    store.queue.start_next({"cpu": 1, "gpu": 0}, "alpha")
    let_pass(store, LEASE - 5)
    assert store.machines.silent_jobs("beta", LEASE) == []
    let_pass(store, 10)
    assert [found.id for found in store.machines.silent_jobs("beta", LEASE)] == [job.id]
    assert store.machines.silent_jobs("alpha", LEASE) == [], "its own kernel knows better"


def test_a_beat_between_the_look_and_the_verdict_saves_the_job(store):
    job = store.create_job("training", {})
    store.queue.start_next({"cpu": 1, "gpu": 0}, "alpha")
    let_pass(store, LEASE + 1)
    silent = store.machines.silent_jobs("beta", LEASE)
    assert store.beat(job.id, 1)
    record = ExitRecord(status=JobStatus.INTERRUPTED)
    assert store.machines.settle_silent([(found, record) for found in silent]) == []
    assert store.get_job(job.id).status is JobStatus.STARTING


def test_a_job_whose_machine_is_lost_goes_back_into_the_queue(store):
    job = store.create_job("training", {})
    store.queue.start_next({"cpu": 1, "gpu": 0}, "alpha")
    let_pass(store, LEASE + 1)
    silent = store.machines.silent_jobs("beta", LEASE)
    (settled,) = store.machines.settle_silent([(silent[0], ExitRecord(status=JobStatus.INTERRUPTED, reason="silent"))])
    assert (settled.id, settled.status, settled.attempt) == (job.id, JobStatus.QUEUED, 2)
    assert store.queue.leases("alpha") == {}
    assert not store.beat(job.id, 1), "the fence"


def test_what_is_held_is_told_by_machine(store):
    assert store.machines.leases() == {}
    jobs = [store.create_job("training", {}) for _ in range(2)]
    for host in ("beta", "alpha"):
        store.queue.start_next({"cpu": 1, "gpu": 0}, host)
    assert store.machines.leases() == {"alpha": {"cpu:0": jobs[1].id}, "beta": {"cpu:0": jobs[0].id}}
