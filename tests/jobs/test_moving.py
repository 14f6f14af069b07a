import pytest

from deepsynth.jobs import IllegalMoveError, JobStatus
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.moving import MAX_STALLS


def test_resume_begins_the_next_attempt_and_fences_the_old_one(store):
    job = store.create_job("train", {})
    for target in (JobStatus.STARTING, JobStatus.RUNNING, JobStatus.INTERRUPTED, JobStatus.QUEUED):
        job = store.move_job(job.id, target)
    assert job.attempt == 2
    with pytest.raises(IllegalMoveError, match="attempt 1 is over"):
        store.move_job(job.id, JobStatus.STARTING, attempt=1)


def test_a_late_end_of_an_older_attempt_changes_nothing(store):
    job = store.create_job("training", {})
    seen = store.move_job(job.id, JobStatus.STARTING)
    store.settle([(seen, ExitRecord(status=JobStatus.INTERRUPTED))])
    store.move_job(job.id, JobStatus.STARTING)
    assert store.settle([(seen, ExitRecord(status=JobStatus.SUCCEEDED))]) == []
    assert (store.get_job(job.id).status, store.get_job(job.id).attempt) == (JobStatus.STARTING, 2)


def test_a_jobs_moves_are_in_order_even_when_the_clock_is_set_back(store, monkeypatch):
    job = store.create_job("training", {})
    monkeypatch.setattr("deepsynth.jobs.moving.now", lambda: "2020-01-01T00:00:00.000+00:00")
    paused = store.request(job.id, "pause")
    again = store.request(job.id, "resume")
    assert job.updated_at < paused.updated_at < again.updated_at


@pytest.mark.parametrize(("asked", "ends"), [("pause", JobStatus.PAUSED), ("cancel", JobStatus.CANCELLED)])
def test_an_interruption_that_was_asked_for_ends_where_it_was_asked_to(store, asked, ends):
    job = store.create_job("training", {})
    store.move_job(job.id, JobStatus.STARTING)
    seen = store.request(job.id, asked)
    (settled,) = store.settle([(seen, ExitRecord(status=JobStatus.INTERRUPTED))])
    assert (settled.status, settled.automatic_resumes) == (ends, 0)


def test_a_job_that_gets_no_further_stays_interrupted_in_the_end(store):
    job = store.create_job("training", {})
    for attempt in range(1, MAX_STALLS + 2):
        seen = store.move_job(job.id, JobStatus.STARTING)
        assert seen.attempt == attempt
        (job,) = store.settle([(seen, ExitRecord(status=JobStatus.INTERRUPTED, mark=-1))])
    assert (job.status, job.automatic_resumes) == (JobStatus.INTERRUPTED, MAX_STALLS)


def test_work_that_ended_before_its_runner_reported_has_run_all_the_same(store):
    job = store.create_job("training", {})
    seen = store.move_job(job.id, JobStatus.STARTING)
    store.settle([(seen, ExitRecord(status=JobStatus.SUCCEEDED, result="done"))])
    assert [event["status"] for event in store.events(job_id=job.id)] == ["queued", "starting", "running", "succeeded"]
    assert store.get_job(job.id).result == "done"
