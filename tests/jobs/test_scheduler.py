import threading
import time

import pytest

from deepsynth.core.errors import StorageError
from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.moving import MAX_STALLS
from deepsynth.jobs.scheduler import Scheduler

S = JobStatus


class FakeExecutor:
    """Runs nothing; a test says what has ended."""

    def __init__(self):
        self.started = []
        self.records = {}
        self.refusal = None

    def start(self, job):
        self.started.append(job.id)
        return self.refusal

    def ended(self, jobs):
        return [(job, self.records.pop(job.id)) for job in jobs if job.id in self.records]


@pytest.fixture
def executor():
    return FakeExecutor()


@pytest.fixture
def scheduler(store, executor, tmp_path):
    return Scheduler(store, executor, {"cpu": 1, "gpu": 0}, tmp_path / "scheduler.lock", tick_seconds=0.02)


def test_as_many_start_as_there_are_slots_in_the_order_of_the_queue(scheduler, executor, make_job, store):
    first, second, third = make_job(), make_job(), make_job()
    store.queue.reorder([third.id])
    scheduler.tick()
    scheduler.tick()
    assert executor.started == [third.id]
    assert store.get_job(third.id).leases == ("cpu:0",)
    executor.records[third.id] = ExitRecord(status=S.SUCCEEDED)
    scheduler.tick()
    assert executor.started == [third.id, first.id]
    assert store.get_job(second.id).status is S.QUEUED


def test_a_lost_job_goes_on_by_itself_but_not_for_ever_without_progress(scheduler, executor, make_job, store):
    job = make_job()
    for _ in range(20):
        scheduler.tick()
        if store.get_job(job.id).status is S.INTERRUPTED:
            break
        executor.records[job.id] = ExitRecord(status=S.INTERRUPTED, reason="its runner was killed", mark=10)
    ended = store.get_job(job.id)
    assert ended.status is S.INTERRUPTED
    assert len(executor.started) == 2 + MAX_STALLS  # the first raised the mark from nothing to 10
    assert ended.reason == "its runner was killed"


def test_progress_lets_it_go_on_as_often_as_it_takes(scheduler, executor, make_job, store):
    job = make_job()
    for step in range(12):
        scheduler.tick()
        executor.records[job.id] = ExitRecord(status=S.INTERRUPTED, reason="killed", mark=step)
    scheduler.tick()
    assert (store.get_job(job.id).attempt, store.get_job(job.id).automatic_resumes) == (13, 12)


def test_a_job_that_cannot_start_says_why_and_frees_its_slot(scheduler, executor, make_job, store):
    executor.refusal = ExitRecord(status=S.FAILED, reason="its folder is gone")
    job = make_job()
    scheduler.tick()
    assert (store.get_job(job.id).status, store.get_job(job.id).reason) == (S.FAILED, "its folder is gone")
    assert store.queue.leases() == {}


def test_folders_of_deleted_jobs_are_removed_even_after_a_crash_between(scheduler, make_job, store, place):
    job = make_job()
    store.request(job.id, "cancel")
    folder = place.jobs / job.id
    store.delete_job(job.id, remove=[str(folder)])
    assert folder.is_dir()  # as if the server had been killed here
    scheduler.tick()
    assert not folder.exists()
    assert store.removals() == []


def test_of_two_schedulers_one_works(scheduler, store, executor, tmp_path):
    other = Scheduler(store, executor, {"cpu": 1}, tmp_path / "scheduler.lock")
    assert scheduler.start()
    assert not other.start()
    assert scheduler.is_mine
    assert not other.is_mine
    scheduler.stop()
    assert other.start()
    other.stop()


def test_a_store_that_does_not_answer_holds_the_queue_up_and_no_longer(
    scheduler, executor, make_job, store, monkeypatch, caplog
):
    list_jobs, fails = store.list_jobs, threading.Event()
    fails.set()

    def sometimes(**options):
        if fails.is_set():
            raise StorageError("locked")
        return list_jobs(**options)

    monkeypatch.setattr(store, "list_jobs", sometimes)
    make_job()
    scheduler.start()
    time.sleep(0.1)
    assert executor.started == []
    fails.clear()
    end = time.monotonic() + 10
    while not executor.started and time.monotonic() < end:
        time.sleep(0.02)
    scheduler.stop()
    assert len(executor.started) == 1
    assert "locked" in caplog.text


def test_pausing_all_asks_each_and_waits_for_them(scheduler, executor, make_job, store):
    job = make_job(grace_seconds=5)
    scheduler.tick()
    store.move_job(job.id, S.RUNNING)

    def end_when_asked():
        while store.get_job(job.id).status is not S.PAUSING:
            time.sleep(0.01)
        executor.records[job.id] = ExitRecord(status=S.INTERRUPTED, reason="saved")

    thread = threading.Thread(target=end_when_asked)
    thread.start()
    assert scheduler.pause_all(poll_seconds=0.01) == []
    thread.join()
    assert store.get_job(job.id).status is S.PAUSED


def test_many_lost_jobs_are_settled_in_one_look(scheduler, executor, store):
    jobs = [store.create_job("training", {}) for _ in range(30)]
    for job in jobs:
        store.move_job(job.id, S.STARTING)
        executor.records[job.id] = ExitRecord(status=S.FAILED, reason="gone")
    scheduler.tick()
    assert store.count_jobs(statuses=[S.FAILED]) == 30
