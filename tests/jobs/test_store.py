import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from deepsynth.core.errors import StorageError
from deepsynth.jobs import IllegalMoveError, JobStatus, StateManager, UnknownJobError
from deepsynth.jobs.job import DELETABLE, MOVES


@pytest.fixture
def store(tmp_path):
    return StateManager(tmp_path)


def test_a_new_job_is_queued_and_survives_a_restart(store, tmp_path):
    job = store.create_job("train", {"batch_size": 4})
    again = StateManager(tmp_path).get_job(job.id)
    assert again == job
    assert again.status is JobStatus.QUEUED
    assert again.config == {"batch_size": 4}


def test_the_same_idempotency_key_makes_one_job(store):
    first = store.create_job("train", {}, idempotency_key="a")
    assert store.create_job("train", {}, idempotency_key="a") == first
    assert len(store.list_jobs()) == 1


def test_resume_begins_the_next_attempt_and_fences_the_old_one(store):
    job = store.create_job("train", {})
    for target in (JobStatus.STARTING, JobStatus.RUNNING, JobStatus.INTERRUPTED, JobStatus.QUEUED):
        job = store.move_job(job.id, target)
    assert job.attempt == 2
    with pytest.raises(IllegalMoveError, match="attempt 1 is over"):
        store.move_job(job.id, JobStatus.STARTING, attempt=1)


def test_of_two_racers_one_wins(store):
    job = store.create_job("train", {})

    def start(_: int) -> bool:
        try:
            store.move_job(job.id, JobStatus.STARTING)
        except IllegalMoveError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1
    assert [event["status"] for event in store.events()] == ["queued", "starting"]


def test_a_running_job_is_not_deleted(store):
    job = store.create_job("train", {})
    with pytest.raises(IllegalMoveError, match="pause or cancel"):
        store.delete_job(job.id)
    store.move_job(job.id, JobStatus.CANCELLED)
    store.delete_job(job.id)
    with pytest.raises(UnknownJobError, match=job.id):
        store.get_job(job.id)


def test_a_store_of_a_newer_version_is_refused(store, tmp_path):
    with sqlite3.connect(store.database.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="newer DeepSynth"):
        StateManager(tmp_path)


class StoreAgainstModel(RuleBasedStateMachine):
    """The store beside a dictionary that knows only the table of moves."""

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.store = StateManager(Path(self.folder.name))
        self.model: dict[str, tuple[JobStatus, int]] = {}

    def teardown(self):
        self.folder.cleanup()

    @rule()
    def create(self):
        job = self.store.create_job("train", {})
        self.model[job.id] = (JobStatus.QUEUED, 1)

    @rule(target_state=st.sampled_from(JobStatus), pick=st.integers(0, 9))
    def move(self, target_state: JobStatus, pick: int):
        if not self.model:
            return
        identity = sorted(self.model)[pick % len(self.model)]
        state, attempt = self.model[identity]
        if target_state in MOVES[state]:
            self.store.move_job(identity, target_state)
            self.model[identity] = (target_state, attempt + (target_state is JobStatus.QUEUED))
        else:
            with pytest.raises(IllegalMoveError):
                self.store.move_job(identity, target_state)
        self.compare()

    @rule(pick=st.integers(0, 9))
    def delete(self, pick: int):
        if not self.model:
            return
        identity = sorted(self.model)[pick % len(self.model)]
        if self.model[identity][0] in DELETABLE:
            self.store.delete_job(identity)
            del self.model[identity]
        else:
            with pytest.raises(IllegalMoveError):
                self.store.delete_job(identity)
        self.compare()

    def compare(self):
        assert {job.id: (job.status, job.attempt) for job in self.store.list_jobs()} == self.model


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
