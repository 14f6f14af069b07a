import os
import time

import pytest

from deepsynth.jobs import JobStatus, logs
from deepsynth.jobs.executor import LOST, LocalExecutor, take_locks
from deepsynth.jobs.folder import ExitRecord, JobFolder
from deepsynth.jobs.processes import marked_processes
from deepsynth.jobs.secrets import TokenFiles


@pytest.fixture
def tokens(tmp_path):
    return TokenFiles(tmp_path / "memory")


@pytest.fixture
def executor(place, tokens):
    return LocalExecutor(place, tokens=tokens)


def wait_for(executor, store, job, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = store.get_job(job.id)
        store.settle(executor.ended([found]))
        if store.get_job(job.id).status not in (JobStatus.STARTING, JobStatus.RUNNING):
            return store.get_job(job.id)
        time.sleep(0.1)
    raise AssertionError(
        f"{store.get_job(job.id)} after {seconds} s; {(executor.folder(job.id).path / 'runner.log').read_text()}"
    )


def test_a_runner_of_its_own_runs_the_verb_and_tells_its_error(executor, make_job, store, place, tokens, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "must-not-be-inherited")
    job = make_job("dataset")
    folder = executor.folder(job.id)
    folder.create("dataset", {"source": str(place.state_dir / "none.jsonl"), "out": job.output}, job.output)
    job = store.queue.start_next({"cpu": 1})
    tokens.write(job.id, job.attempt, "the-token-of-the-hub")
    assert executor.start(job) is None
    assert folder.alive.is_held()
    assert folder.runner.is_held()
    ended = wait_for(executor, store, job)
    assert ended.status is JobStatus.FAILED, ended
    assert "none.jsonl" in ended.reason
    assert "none.jsonl" in logs.read(folder.log, 0, 10_000).text
    while executor._runners:
        assert executor.ended([]) == []
    assert executor.folder(job.id).read_exit(1).status is JobStatus.FAILED


def test_the_environment_of_a_job_has_no_secret_but_the_place_of_its_token(
    executor, make_job, store, tokens, monkeypatch
):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "DEEPSYNTH_TOKEN", "DEEPSYNTH_TOKEN_FILE", "HF_TOKEN_PATH"):
        monkeypatch.setenv(name, "secret")
    job = make_job()
    environment = executor._environment(job)
    assert "secret" not in environment.values()
    assert "HF_TOKEN_PATH" not in environment
    path = tokens.write(job.id, job.attempt, "secret")
    assert executor._environment(job)["HF_TOKEN_PATH"] == str(path)


def test_a_job_sees_the_accelerators_of_its_lease_alone(place, make_job, store):
    executor = LocalExecutor(place, gpus=2)
    from dataclasses import replace

    job = make_job()
    assert executor._environment(replace(job, leases=("cpu:0", "gpu:1")))["CUDA_VISIBLE_DEVICES"] == "1"
    assert executor._environment(job)["CUDA_VISIBLE_DEVICES"] == ""


def test_free_locks_without_a_record_mean_interrupted_and_never_succeeded(executor, make_job, store, tokens):
    job = make_job()
    store.move_job(job.id, JobStatus.STARTING)
    path = tokens.write(job.id, 1, "secret")
    ((_, record),) = executor.ended([store.get_job(job.id)])
    assert (record.status, record.reason) == (JobStatus.INTERRUPTED, LOST)
    assert not path.exists()


def test_a_record_that_reached_the_disk_but_not_the_store_is_the_truth(executor, make_job, store):
    job = make_job()
    store.move_job(job.id, JobStatus.STARTING)
    record = ExitRecord(status=JobStatus.SUCCEEDED, result="wrote x")
    executor.folder(job.id).attempt(1).mkdir()
    executor.folder(job.id).write_exit(1, record)
    assert executor.ended([store.get_job(job.id)])[0][1] == record
    store.settle(executor.ended([store.get_job(job.id)]))
    assert store.get_job(job.id).status is JobStatus.SUCCEEDED


def test_what_a_dead_runner_left_alive_is_ended_before_the_job_counts_as_ended(executor, make_job, store):
    import subprocess
    import sys

    job = make_job()
    store.move_job(job.id, JobStatus.STARTING)
    folder = executor.folder(job.id)
    assert folder.alive.acquire()
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, "DEEPSYNTH_JOB": f"{job.id}:1"},
        pass_fds=[folder.alive.descriptor],
    )
    folder.alive.let_go()
    assert len(executor.ended([store.get_job(job.id)])) == 1
    assert left.wait(timeout=10) == -9
    assert marked_processes([job.id])[job.id] == []


def test_a_job_whose_folder_is_gone_fails_with_words(executor, make_job, store):
    job = make_job()
    executor.folder(job.id).discard()
    assert "create the job again" in executor.start(store.queue.claim(job.id)).reason


def test_locks_that_somebody_holds_are_not_taken(place, make_job):
    job = make_job()
    first, second = JobFolder(place.jobs, job.id), JobFolder(place.jobs, job.id)
    assert take_locks(first)
    assert not take_locks(second, seconds=0.1)
    first.alive.let_go()
    first.runner.let_go()
    assert take_locks(second)
    second.alive.let_go()
    second.runner.let_go()
