"""SIGKILL at random moments for the server, the runners, the trainers, and all of them: every job ends once, and equal."""

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from tests.jobs.real_training import add_training, losses, make_dataset, settings, until, weights

from deepsynth.jobs import JobStatus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(290)]
STEPS = 48
KILLS = ("server", "server", "run", "work", "work", "all")


class Server:
    """The web application on a socket of its own; whatever it started goes on without it."""

    def __init__(self, state, log):
        self._command = [sys.executable, "-m", "deepsynth", "web", "--uds", "socket", "--state-dir", str(state)]
        self._command += ["--cpu-slots", "2"]
        self._folder, self._log = state, log
        self.start()

    def start(self):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            self._command, cwd=self._folder, env=environment, stdout=self._log, stderr=self._log
        )

    def kill(self):
        self.process.kill()
        self.process.wait()


def processes(word):
    """Return the top processes `deepsynth jobs run|work ID ...` by job id; loader workers below a trainer are left out."""
    found = {}
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if line[2:5] != ["deepsynth", "jobs", word] or process.status() == psutil.STATUS_ZOMBIE:
                continue
            parent = process.parent()
            if parent is None or parent.cmdline() != line:
                found.setdefault(line[5], []).append(process)
        except psutil.Error:
            continue
    return found


def kill(found, chance):
    victims = [process for several in found.values() for process in several]
    if not victims:
        return False
    os.kill(chance.choice(victims).pid, signal.SIGKILL)
    return True


def test_every_job_ends_once_and_equal_whatever_is_killed(place, store, tmp_path):
    chance = random.Random(7)
    values = settings(make_dataset(tmp_path), STEPS)
    place.state_dir.mkdir(exist_ok=True)
    with (tmp_path / "server.log").open("wb") as log:
        server = Server(place.state_dir, log)
        try:
            whole = add_training(place, store, values)
            until(lambda: store.get_job(whole.id).status is JobStatus.SUCCEEDED, "the undisturbed training")
            jobs = [add_training(place, store, values) for _ in range(2)]
            most_at_once = 0

            def look():
                """Watch for two trainers of one job; tell whether all jobs are over."""
                nonlocal most_at_once
                for job in jobs:
                    most_at_once = max(most_at_once, len(processes("work").get(job.id, [])))
                    if store.get_job(job.id).status is JobStatus.INTERRUPTED:  # killed too often before its first step
                        store.request(job.id, "resume")
                return all(store.get_job(job.id).status is JobStatus.SUCCEEDED for job in jobs)

            until(lambda: all(store.get_job(job.id).progress for job in jobs), "two trainings at work")
            for word in chance.sample(KILLS, len(KILLS)):
                end = time.monotonic() + chance.uniform(0.2, 3.0)
                while time.monotonic() < end:
                    look()
                    time.sleep(0.25)
                if look():
                    jobs.append(add_training(place, store, values))
                if word in ("run", "work"):
                    until(lambda word=word: kill(processes(word), chance), f"a process to kill: {word}")
                    continue
                server.kill()
                while word == "all" and (kill(processes("run"), chance) or kill(processes("work"), chance)):
                    pass
                server.start()
            until(look, "the end of all jobs", seconds=150)
        finally:
            server.kill()
    assert most_at_once == 1
    for job in jobs:
        moves = [event["status"] for event in store.events(job_id=job.id)]
        assert moves.count("succeeded") == 1
        assert moves[-1] == "succeeded"
        assert weights(job, STEPS) == weights(whole, STEPS)
        assert losses(job) == losses(whole)
    assert max(store.get_job(job.id).attempt for job in jobs) > 1
    until(lambda: not set(processes("run")) & {job.id for job in [whole, *jobs]}, "the end of the runners")
