import os
import sys

import pytest

from deepsynth.jobs.executor import take_locks
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.job import new_job_id
from deepsynth.jobs.place import find_place
from deepsynth.jobs.runner import Runner


@pytest.fixture
def place(tmp_path):
    return find_place(tmp_path / "state", {})


@pytest.fixture
def store(place):
    manager = place.open()
    yield manager
    manager.close()


@pytest.fixture
def make_job(place, store):
    """Return a function that queues a job with its folder."""

    def make(kind="training", **options):
        identity = new_job_id()
        output = place.artifacts / identity
        JobFolder(place.jobs, identity).create(kind, {}, str(output))
        return store.create_job(kind, {}, job_id=identity, output=str(output), **options)

    return make


@pytest.fixture
def run_script(place, store):
    """Return a function that runs a Python script as the work of a job, in this process's runner, to its end."""

    def run(job, script, environment=None):
        folder = JobFolder(place.jobs, job.id)
        assert take_locks(folder)
        started = store.queue.claim(job.id)
        head = f"import os, sys, time, json, signal, pathlib\nattempt = pathlib.Path({str(folder.attempt(started.attempt))!r})\n"
        command = [sys.executable, "-c", head + script]
        return Runner(store, folder, started, command, {**os.environ, **(environment or {})}).run()

    return run
