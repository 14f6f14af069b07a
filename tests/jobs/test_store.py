import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from deepsynth.core.errors import StorageError
from deepsynth.jobs import IllegalMoveError, JobStatus, StateManager, UnknownJobError
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import ACTIVE, DELETABLE, MOVES, REQUESTS


@pytest.fixture
def store(tmp_path):
    manager = StateManager(tmp_path)
    yield manager
    manager.close()


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


def test_the_same_key_for_another_request_is_refused(store):
    store.create_job("train", {}, idempotency_key="a", request_hash="1")
    with pytest.raises(IllegalMoveError, match="another request"):
        store.create_job("train", {}, idempotency_key="a", request_hash="2")


def test_lists_are_cut_filtered_and_continued(store):
    jobs = [store.create_job(kind, {}) for kind in ("training", "dataset", "training", "export")]
    store.request(jobs[2].id, "cancel")
    assert [job.id for job in store.list_jobs(limit=2)] == [jobs[3].id, jobs[2].id]
    assert [job.id for job in store.list_jobs(before=jobs[2].number)] == [jobs[1].id, jobs[0].id]
    assert [job.id for job in store.list_jobs(kinds=["training"], statuses=[JobStatus.QUEUED])] == [jobs[0].id]
    assert store.count_jobs(kinds=["training"]) == 2


def test_folders_to_remove_are_noted_with_the_deletion(store):
    job = store.create_job("training", {})
    store.request(job.id, "cancel")
    store.delete_job(job.id, remove=["/a", "/b"])
    assert store.removals() == ["/a", "/b"]
    store.removed("/a")
    assert store.removals() == ["/b"]
    assert store.events()[-1]["what"] == "deleted"


def test_a_late_report_of_progress_changes_nothing(store):
    job = store.create_job("training", {})
    store.move_job(job.id, JobStatus.STARTING)
    assert store.set_progress(job.id, 1, {"done": 1})
    store.settle([(store.get_job(job.id), ExitRecord(status=JobStatus.INTERRUPTED, mark=1))])
    assert not store.set_progress(job.id, 1, {"done": 9})
    assert store.get_job(job.id).progress == {"done": 1}


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
@pytest.mark.parametrize("status", JobStatus)
def test_asking_does_what_the_table_says_and_asking_again_nothing_more(store, action, status):
    job = store.create_job("training", {})
    for step in ROADS[status]:
        store.move_job(job.id, step)
    target = REQUESTS[action].get(status)
    if target is None:
        with pytest.raises(IllegalMoveError, match=f"is {status}; {action} is possible"):
            store.request(job.id, action)
        return
    assert store.request(job.id, action).status is target
    count = store.last_event()
    assert store.request(job.id, action).status is target
    assert store.last_event() == count


_S = JobStatus
ROADS = {
    _S.QUEUED: [],
    _S.STARTING: [_S.STARTING],
    _S.RUNNING: [_S.STARTING, _S.RUNNING],
    _S.PAUSING: [_S.STARTING, _S.PAUSING],
    _S.PAUSED: [_S.PAUSED],
    _S.CANCELLING: [_S.STARTING, _S.CANCELLING],
    _S.CANCELLED: [_S.CANCELLED],
    _S.SUCCEEDED: [_S.STARTING, _S.RUNNING, _S.SUCCEEDED],
    _S.FAILED: [_S.STARTING, _S.FAILED],
    _S.INTERRUPTED: [_S.STARTING, _S.INTERRUPTED],
}


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
        self.store.close()
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

    @rule(action=st.sampled_from(sorted(REQUESTS)), pick=st.integers(0, 9))
    def ask(self, action: str, pick: int):
        if not self.model:
            return
        identity = sorted(self.model)[pick % len(self.model)]
        state, attempt = self.model[identity]
        target = REQUESTS[action].get(state)
        if target is None:
            with pytest.raises(IllegalMoveError):
                self.store.request(identity, action)
        else:
            self.store.request(identity, action)
            resumed = target is JobStatus.QUEUED and state is not JobStatus.QUEUED
            self.model[identity] = (target, attempt + resumed)
        self.compare()

    @rule(capacity=st.integers(0, 3))
    def start(self, capacity: int):
        held = sum(state in ACTIVE for state, _ in self.model.values())
        leased = len(self.store.queue.leases())
        started = self.store.queue.start_next({"cpu": capacity})
        if started is not None:
            assert self.model[started.id][0] is JobStatus.QUEUED
            assert leased < capacity
            self.model[started.id] = (JobStatus.STARTING, self.model[started.id][1])
            held += 1
        elif leased == 0 and capacity:
            assert all(state is not JobStatus.QUEUED for state, _ in self.model.values())
        assert held == sum(state in ACTIVE for state, _ in self.model.values())
        self.compare()

    @rule(
        outcome=st.sampled_from([_S.SUCCEEDED, _S.FAILED, _S.INTERRUPTED]), pick=st.integers(0, 9), late=st.booleans()
    )
    def end(self, outcome: JobStatus, pick: int, late: bool):
        active = sorted(name for name, (state, _) in self.model.items() if state in ACTIVE)
        if not active:
            return
        identity = active[pick % len(active)]
        state, attempt = self.model[identity]
        seen = replace(self.store.get_job(identity), attempt=attempt - late)
        self.store.settle([(seen, ExitRecord(status=outcome, mark=attempt))])  # the mark rises with each attempt
        if not late:
            asked = {_S.PAUSING: _S.PAUSED, _S.CANCELLING: _S.CANCELLED}.get(state)
            again = outcome is _S.INTERRUPTED and asked is None
            known = asked if outcome is _S.INTERRUPTED and asked else outcome
            self.model[identity] = (_S.QUEUED, attempt + 1) if again else (known, attempt)
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
        holders = set(self.store.queue.leases().values())
        assert holders <= {name for name, (state, _) in self.model.items() if state in ACTIVE}


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
