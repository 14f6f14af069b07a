"""The engine with real work: what a pause frees, and that a resume ends where an unbroken training ends, bit for bit."""

from pathlib import Path

import psutil
import pytest
from tests.jobs.real_training import add_training, losses, make_dataset, settings, until, weights

from deepsynth.core.files import MANIFEST
from deepsynth.jobs import JobStatus
from deepsynth.jobs.executor import LocalExecutor
from deepsynth.jobs.processes import marked_processes
from deepsynth.jobs.scheduler import Scheduler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]
STEPS = 40


@pytest.fixture
def scheduler(place, store):
    executor = LocalExecutor(place)
    running = Scheduler(store, executor, {"cpu": 1, "gpu": 0}, place.state_dir / "scheduler.lock")
    assert running.start()
    yield running
    running.stop()
    until(lambda: not executor.ended([]) and not executor._runners, "the end of the runners")


def test_pause_saves_and_frees_and_resume_ends_where_an_unbroken_run_ends(scheduler, place, store, tmp_path):
    values = settings(make_dataset(tmp_path), STEPS)
    whole = add_training(place, store, values)
    until(lambda: store.get_job(whole.id).status is JobStatus.SUCCEEDED, "the unbroken training")

    job = add_training(place, store, values)
    until(lambda: store.get_job(job.id).progress.get("done", 0) >= 5, "five steps")
    trainers = marked_processes([job.id])[job.id]
    taken = sum(process.memory_info().rss for process in trainers)
    store.request(job.id, "pause")
    paused = until(lambda: (found := store.get_job(job.id)).status is JobStatus.PAUSED and found, "the pause")

    assert taken > 200 * 2**20, "the trainer held torch and a model"
    assert marked_processes([job.id])[job.id] == []
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in trainers)
    assert store.queue.leases() == {}
    (step, _) = losses(paused)[-1]
    assert 5 <= step < STEPS, "it stopped at a step, before the end"
    assert (Path(job.output) / f"checkpoint-{step}" / MANIFEST).is_file()
    assert f"checkpoint-{step}" in paused.reason

    store.request(job.id, "resume")
    scheduler.wake()
    until(lambda: store.get_job(job.id).status is JobStatus.SUCCEEDED, "the resumed training")
    assert store.get_job(job.id).attempt == 2
    assert weights(job, STEPS) == weights(whole, STEPS)
    assert losses(job) == losses(whole)
    assert [step for step, _ in losses(whole)] == list(range(1, STEPS + 1))
