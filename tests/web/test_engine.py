import stat

import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.jobs import JobStatus
from deepsynth.jobs.executor import LocalExecutor, executors
from deepsynth.jobs.folder import ExitRecord
from deepsynth.web.config import QueueConfig
from deepsynth.web.engine import make_engine


class Obedient:
    """An executor whose attempts end as soon as they are asked to."""

    def __init__(self, store):
        self._store = store

    def start(self, job):
        self._store.move_job(job.id, JobStatus.RUNNING, attempt=job.attempt)

    def ended(self, jobs):
        return [(job, ExitRecord(status=JobStatus.PAUSED)) for job in jobs if job.status is JobStatus.PAUSING]


def test_the_folders_are_made_for_their_owner_alone(tmp_path):
    engine = make_engine(QueueConfig(state_dir=tmp_path / "state", cpu_slots=2), environment={})
    for path in (engine.place.state_dir, engine.place.jobs, engine.place.artifacts):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert engine.scheduler.capacity["cpu"] == 2
    engine.store.close()


def test_stopping_pauses_the_jobs_when_asked_and_leaves_them_alone_otherwise(tmp_path):
    for pause, expected in ((False, JobStatus.RUNNING), (True, JobStatus.PAUSED)):
        engine = make_engine(QueueConfig(state_dir=tmp_path / str(pause)), environment={})
        engine.scheduler._executor = Obedient(engine.store)
        job = engine.store.create_job("training", {})
        assert engine.scheduler.start()
        while engine.store.get_job(job.id).status is not JobStatus.RUNNING:
            engine.scheduler.wake()
        engine.stop(pause=pause)
        assert engine.store.get_job(job.id).status is expected
        assert not engine.scheduler.is_running
        engine.store.close()


def test_an_engine_whose_queue_is_anothers_stops_without_touching_it(tmp_path):
    first, second = (make_engine(QueueConfig(state_dir=tmp_path), environment={}) for _ in range(2))
    first.scheduler.capacity["cpu"] = 0
    assert not second.scheduler.is_taken
    assert first.scheduler.start()
    assert not second.scheduler.start()
    second.stop(pause=True)
    assert second.scheduler.is_taken and first.scheduler.is_running
    first.stop(pause=False)
    assert not second.scheduler.is_taken
    for engine in (first, second):
        engine.store.close()


def test_the_ray_executor_comes_in_by_the_same_door_as_any(tmp_path):
    assert {"local", "ray"} <= set(executors.names())
    config = QueueConfig(state_dir=tmp_path, executor="ray", ray_address="nowhere", ray_gpus=3)
    with pytest.raises(SettingsError, match="'nowhere' is no address"):
        make_engine(config, environment={})


def test_what_an_executor_says_of_itself_decides_what_it_is_given(tmp_path, monkeypatch):
    class Elsewhere(LocalExecutor):
        elsewhere, tick_seconds = True, 7.0

    monkeypatch.setitem(executors._items, "far", Elsewhere)
    engine = make_engine(QueueConfig(state_dir=tmp_path, executor="far", ray_gpus=3), environment={})
    assert engine.scheduler.capacity == {"cpu": 4, "gpu": 3}
    assert engine.scheduler._tick_seconds == 7.0
    assert engine.scheduler._before_start is None
    engine.store.close()
