"""Several schedulers on one PostgreSQL store: nothing runs twice at once, and what a lost machine ran goes on at another."""

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.jobs.real_training import THINGS, until
from tests.jobs.test_chaos import processes
from tests.jobs.test_postgres import BINARIES, server

from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import ExitRecord, JobFolder
from deepsynth.jobs.job import Needs, new_job_id
from deepsynth.jobs.place import find_place
from deepsynth.jobs.scheduler import Scheduler

__all__ = ["server"]  # a fixture
pytestmark = pytest.mark.skipif(not BINARIES, reason="Debian's postgresql package is not installed")
CAPACITY = {"alpha": {"cpu": 2, "gpu": 1}, "beta": {"cpu": 3, "gpu": 0}, "gamma": {"cpu": 1, "gpu": 2}}
LEASE = 60


@pytest.fixture
def environment(server, tmp_path):
    return {"DEEPSYNTH_STORE": server, "DEEPSYNTH_UI_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture
def place(environment):
    found = find_place(None, environment | {"DEEPSYNTH_HOST": "desk"})
    found.jobs.mkdir(parents=True)
    return found


@pytest.fixture
def store(place):
    manager = place.open()
    yield manager
    with manager.database.write() as transaction:
        for table in ("jobs", "events", "leases", "removals", "hosts"):
            transaction.run(f"DELETE FROM {table}")
    manager.close()


class Machine:
    """A scheduler with work that only a test ends; `processes` is what its kernel would know."""

    def __init__(self, name, store, everybody):
        self.name, self.processes, self.records = name, {}, {}
        self._store, self._everybody = store, everybody
        self.scheduler = self.boot()

    def boot(self):
        lock = Path(os.devnull)  # taken by no one: these schedulers are driven by hand
        return Scheduler(self._store, self, CAPACITY[self.name], lock, host=self.name, lease_seconds=LEASE)

    def start(self, job):
        assert not any(job.id in machine.processes for machine in self._everybody), "it runs already"
        assert job.host == self.name
        self.processes[job.id] = job.attempt

    def ended(self, jobs):
        assert all(job.host == self.name for job in jobs), "it judges what another machine runs"
        gone = [job for job in jobs if self.processes.get(job.id) != job.attempt]
        lost = ExitRecord(status=JobStatus.INTERRUPTED, reason="killed")
        return [(job, self.records.pop((job.id, job.attempt), lost)) for job in gone]

    def record_of_silent(self, job):
        return ExitRecord(status=JobStatus.INTERRUPTED, reason=f"{job.host} is silent", mark=job.attempt)

    def finish(self, job_id):
        attempt = self.processes.pop(job_id)
        self.records[job_id, attempt] = ExitRecord(status=JobStatus.SUCCEEDED)

    def crash(self):
        self.processes.clear()
        self.records.clear()
        self.scheduler = None


def let_pass(store, seconds, hosts):
    """Make the store believe that these machines were silent for so long."""
    with store.database.write() as transaction:
        for host in hosts:
            transaction.run("UPDATE jobs SET heard_at = heard_at - ? WHERE host = ?", (seconds, host))
            transaction.run("UPDATE hosts SET heard_at = heard_at - ? WHERE name = ?", (seconds, host))


def do_something(chance, store, machines):
    """Let one machine look, finish something, crash, or crash for so long that the others notice."""
    machine = chance.choice(machines)
    action = chance.choice(["tick"] * 5 + ["finish"] * 3 + ["crash", "silence"])
    if machine.scheduler is None:
        machine.scheduler = machine.boot()
    elif action == "finish" and machine.processes:
        machine.finish(chance.choice(list(machine.processes)))
    elif action == "tick":
        machine.scheduler.tick()
    elif action in ("crash", "silence"):
        machine.crash()
    if action == "silence" and machine.scheduler is None:
        let_pass(store, LEASE + 1, [machine.name])
        for other in machines:
            other.scheduler = other.scheduler and other.boot()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_machines_do_no_job_runs_twice_at_once_and_each_ends_once(store, seed):
    chance, machines = random.Random(seed), []
    machines += [Machine(name, store, machines) for name in CAPACITY]
    jobs = [store.create_job("training", {}, needs=Needs(gpu=chance.choice([0, 0, 1, 2]))) for _ in range(25)]
    for _ in range(400):
        if store.count_jobs(statuses=[JobStatus.SUCCEEDED]) == len(jobs):
            break
        do_something(chance, store, machines)
        for name, capacity in CAPACITY.items():
            held = store.queue.leases(name)
            assert all(int(resource.partition(":")[2]) < capacity[resource.partition(":")[0]] for resource in held)
        for job in store.list_jobs(statuses=[JobStatus.INTERRUPTED]):  # crashed too often in a row
            store.request(job.id, "resume")
    for job in jobs:
        moves = [event["status"] for event in store.events(job_id=job.id)]
        assert moves.count("succeeded") == 1, moves
        assert moves[-1] == "succeeded"
    assert max(store.get_job(job.id).attempt for job in jobs) > 1
    assert {store.get_job(job.id).host for job in jobs} == set(CAPACITY)


def test_only_a_machine_that_is_silent_for_the_whole_lease_loses_its_jobs(store):
    machines = []
    machines += [Machine(name, store, machines) for name in ("alpha", "beta")]
    alpha, beta = machines
    job = store.create_job("training", {})
    alpha.scheduler.tick()
    beta.scheduler.tick()
    assert (store.get_job(job.id).host, store.get_job(job.id).leases) == ("alpha", ("cpu:0",))
    let_pass(store, LEASE - 5, ["alpha"])
    beta.boot().tick()
    assert store.get_job(job.id).attempt == 1
    assert store.beat(job.id, 1)
    let_pass(store, 10, ["alpha"])
    beta.boot().tick()
    assert store.get_job(job.id).attempt == 1
    alpha.crash()
    let_pass(store, LEASE, ["alpha"])
    beta.boot().tick()
    taken = store.get_job(job.id)
    assert (taken.host, taken.attempt, taken.status) == ("beta", 2, JobStatus.STARTING)
    assert not store.beat(job.id, 1), "the fence"
    assert store.queue.leases("alpha") == {}
    reasons = [event["reason"] for event in store.events(job_id=job.id)]
    assert "goes on by itself: alpha is silent" in reasons


def test_a_beat_between_the_look_and_the_verdict_saves_the_job(store):
    job = store.create_job("training", {})
    store.queue.start_next({"cpu": 1, "gpu": 0}, "alpha")
    let_pass(store, LEASE + 1, ["alpha"])
    silent = store.machines.silent_jobs("beta", LEASE)
    assert [found.id for found in silent] == [job.id]
    assert store.beat(job.id, 1)
    assert store.machines.settle_silent([(silent[0], ExitRecord(status=JobStatus.INTERRUPTED))]) == []
    assert store.get_job(job.id).status is JobStatus.STARTING


def test_machines_are_known_with_what_they_have_until_they_leave_or_fall_silent(store):
    machines = []
    machines += [Machine(name, store, machines) for name in ("beta", "gamma")]
    for machine in machines:
        machine.scheduler.tick()
    assert machines[0].scheduler.machines() == {name: CAPACITY[name] for name in ("beta", "gamma")}
    assert machines[0].scheduler.most("gpu") == 2
    store.machines.leave("beta")
    let_pass(store, LEASE + 1, ["gamma"])
    assert machines[0].scheduler.machines() == {}
    assert machines[0].scheduler.most("gpu") == 0


def add_dataset(place, store, source):
    identity = new_job_id()
    output = place.artifacts / identity
    config = {"source": str(source), "out": str(output), "cleaning": {"min_summary_chars": 4}}
    JobFolder(place.jobs, identity).create("dataset", config, str(output))
    return store.create_job("dataset", config, job_id=identity, output=str(output))


def start_worker(environment, host, log):
    words = {"DEEPSYNTH_HOST": host, "DEEPSYNTH_LEASE_SECONDS": "15", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "deepsynth", "worker", "--cpu-slots", "2"]
    return subprocess.Popen(command, env={**os.environ, **environment, **words}, stdout=log, stderr=log)


def freeze(place, store, worker):
    """Stop the clock of a machine, its scheduler first; return its runners and their work, or none and let it go on."""
    worker.send_signal(signal.SIGSTOP)
    at_work = {job.id for job in store.list_jobs(statuses=[JobStatus.RUNNING]) if job.host == "alpha"}
    found = [processes(word) for word in ("run", "work")]
    frozen = [(job_id, process.pid) for some in found for job_id in some.keys() & at_work for process in some[job_id]]
    for _, pid in frozen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    still = {
        job.id
        for job in store.list_jobs(statuses=[JobStatus.RUNNING])
        if job.host == "alpha" and JobFolder(place.jobs, job.id).read_exit(job.attempt) is None
    }
    if still & {job_id for job_id, _ in frozen}:
        return [(job_id, pid) for job_id, pid in frozen if job_id in still]
    for _, pid in frozen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    worker.send_signal(signal.SIGCONT)
    return []


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_thirty_jobs_on_two_machines_of_which_one_is_lost(place, store, environment, tmp_path):
    rows = tmp_path / "rows.jsonl"
    texts = [f"The {thing} of the harbor stands on the quay of stone in the evening." for thing in THINGS]
    rows.write_text("".join(json.dumps({"text": text, "summary": text[:12]}) + "\n" for text in texts))
    jobs = [add_dataset(place, store, rows) for _ in range(30)]
    most_at_once, workers = 0, {}

    def look():
        nonlocal most_at_once
        found = processes("work")
        most_at_once = max([most_at_once, *(len(found.get(job.id, [])) for job in jobs)])
        return store.count_jobs(statuses=[JobStatus.SUCCEEDED])

    with (tmp_path / "log").open("wb") as log:
        try:
            workers = {host: start_worker(environment, host, log) for host in ("alpha", "beta")}
            until(lambda: look() >= 6, "six jobs to end", 240)
            victims = until(lambda: freeze(place, store, workers["alpha"]), "jobs at work at alpha", 150)
            lost = {job_id for job_id, _ in victims}
            workers["alpha"].kill()
            for _, pid in victims:
                os.kill(pid, signal.SIGKILL)
            until(lambda: look() == len(jobs), "all jobs to end", 300)
        finally:
            for worker in workers.values():
                worker.kill()
                worker.wait()
    assert most_at_once == 1
    ran_at = {store.get_job(job.id).host for job in jobs}
    assert ran_at == {"alpha", "beta"}
    for job in jobs:
        ended = store.get_job(job.id)
        moves = [event["status"] for event in store.events(job_id=job.id)]
        assert moves.count("succeeded") == 1, moves
        assert (Path(ended.output) / "manifest.json").is_file()
    for job_id in lost:
        taken = store.get_job(job_id)
        assert (taken.host, taken.attempt) == ("beta", 2)
        reasons = [event["reason"] for event in store.events(job_id=job_id)]
        assert "goes on by itself: nothing was heard of its machine, alpha, for too long" in reasons
