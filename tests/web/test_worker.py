import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from deepsynth.core.errors import QueueError
from deepsynth.core.progress import SilentReporter
from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.job import new_job_id
from deepsynth.web.config import QueueConfig, WorkerConfig
from deepsynth.web.engine import make_engine
from deepsynth.web.worker import run, work


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSYNTH_UI_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def engine(state):
    made = make_engine(QueueConfig(state_dir=state), environment={})
    yield made
    made.store.close()


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)


def start(*flags):
    return subprocess.Popen(
        [sys.executable, "-m", "deepsynth", "worker", *flags], env=os.environ, stderr=subprocess.PIPE, text=True
    )


def test_a_worker_runs_jobs_that_another_process_made_and_ends_when_told(engine):
    rows = engine.place.state_dir / "rows.jsonl"
    texts = ("The lamp stands in the harbor of stone.", "Eleven ships waited outside for the tide to turn.")
    rows.write_text("".join(json.dumps({"text": text, "summary": text[:8]}) + "\n" for text in texts))
    config = {"source": str(rows), "out": str(engine.place.artifacts / "x"), "cleaning": {"min_summary_chars": 4}}
    worker = start()
    try:
        identity = new_job_id()
        JobFolder(engine.place.jobs, identity).create("dataset", config, config["out"])
        engine.store.create_job("dataset", config, job_id=identity, output=config["out"])
        until(lambda: engine.store.get_job(identity).ended_at, "the job ends", 120)
        job = engine.store.get_job(identity)
        assert job.status is JobStatus.SUCCEEDED, job.reason
        assert run(WorkerConfig(check=True), SilentReporter()) == "ok"
    finally:
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert not engine.scheduler.is_taken


def test_the_check_says_that_nobody_runs_the_queue(engine):
    with pytest.raises(QueueError, match="start deepsynth worker"):
        run(WorkerConfig(check=True), SilentReporter())


def test_a_second_worker_waits_until_the_first_has_ended(engine, state, caplog, monkeypatch):
    monkeypatch.setattr("deepsynth.web.worker.LOOK_SECONDS", 0.02)
    other = make_engine(QueueConfig(state_dir=state), environment={})
    assert engine.scheduler.start()
    stop = threading.Event()
    waiting = threading.Thread(target=work, args=(other, stop), kwargs={"pause_on_stop": False})
    waiting.start()
    until(lambda: "this one waits" in caplog.text, "the second says that it waits")
    assert not other.scheduler.is_mine
    engine.stop(pause=False)
    until(lambda: other.scheduler.is_mine, "the second takes over")
    stop.set()
    waiting.join()
    other.store.close()


def test_a_queue_that_stops_by_itself_is_an_error(engine, monkeypatch):
    monkeypatch.setattr("deepsynth.web.worker.LOOK_SECONDS", 0.02)
    monkeypatch.setattr(engine.scheduler, "_work", lambda: None)
    with pytest.raises(QueueError, match="stopped by itself"):
        work(engine, threading.Event(), pause_on_stop=False)
    assert not engine.scheduler.is_taken
