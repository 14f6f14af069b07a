"""Jobs on a real Ray cluster of one machine: a dataset, a training that pauses and goes on, a kill, a restart of the server.

Needs `ray[default]`, which `make test-ray` installs.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.jobs.real_training import THINGS, add_training, make_dataset, settings, until, weights
from tests.jobs.test_chaos import processes
from tests.jobs.test_several_machines import add_dataset

from deepsynth.jobs import JobStatus, logs
from deepsynth.jobs.ray_jobs import RayExecutor, submission_id
from deepsynth.jobs.scheduler import Scheduler

submission = pytest.importorskip("ray.job_submission", reason="Ray is not installed", exc_type=ImportError)
pytest.importorskip("ray.dashboard.optional_deps", reason="ray[default] is not installed", exc_type=ImportError)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = 40
SETTINGS = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
PORTS = ("--port", "--dashboard-port", "--dashboard-agent-listen-port", "--dashboard-agent-grpc-port")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def end(process):
    """Kill a head with all that it started; Ray's own `stop` would end every Ray of this machine."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        try:
            member.kill()
        except psutil.Error:
            continue
    process.wait()


@pytest.fixture(scope="module")
def address():
    folder = Path("/tmp") / f"deepsynth-ray-{os.getpid()}"  # its sockets' names must be short
    flags = ["--head", "--block", "--num-cpus=2", f"--temp-dir={folder}", "--dashboard-host=127.0.0.1"]
    flags += ["--disable-usage-stats", "--object-store-memory=100000000"]
    for _ in range(4):  # Ray gives its own parts thirty seconds, which a machine under load does not always keep
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *flags]
        command += [f"{name}={port}" for name, port in ports.items()]
        with Path(f"{folder}.log").open("wb") as log:
            head = subprocess.Popen(command, env={**os.environ, **SETTINGS}, stdout=log, stderr=log)
        try:
            until(
                lambda head=head, ports=ports: head.poll() is not None or is_up(ports["--dashboard-port"]),
                "Ray's head",
                120,
            )
        except AssertionError:
            end(head)
            continue
        if head.poll() is None:
            yield f"http://127.0.0.1:{ports['--dashboard-port']}"
            end(head)
            break
    else:
        pytest.fail(Path(f"{folder}.log").read_text()[-2000:])
    shutil.rmtree(folder, ignore_errors=True)
    Path(f"{folder}.log").unlink()


def is_up(port):
    """Tell whether the job server takes jobs, which needs a node that has registered."""
    try:
        client = submission.JobSubmissionClient(f"http://127.0.0.1:{port}")
        name = client.submit_job(entrypoint="true")
        end_at = time.monotonic() + 60
        while not client.get_job_status(name).is_terminal() and time.monotonic() < end_at:
            time.sleep(0.5)
        return client.get_job_status(name) == submission.JobStatus.SUCCEEDED
    except (OSError, RuntimeError):
        time.sleep(1)
        return False


@pytest.fixture
def serve(place, store, address, tmp_path, monkeypatch):
    """Return a function that starts a scheduler on the cluster, as a new server would."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    running = []

    def start():
        place.jobs.mkdir(parents=True, exist_ok=True)
        executor = RayExecutor(place, address)
        scheduler = Scheduler(store, executor, {"cpu": 2, "gpu": 0}, tmp_path / "scheduler.lock", tick_seconds=0.5)
        assert scheduler.start()
        running.append(scheduler)
        return scheduler

    yield start
    for scheduler in running:
        scheduler.stop()


def wait_for(store, job, *states, seconds=240):
    until(lambda: store.get_job(job.id).status in states, f"{job.kind} to be {states}", seconds)
    return store.get_job(job.id)


def test_a_dataset_job_runs_on_the_cluster_with_its_log_and_its_exit_record(place, store, serve, address, tmp_path):
    rows = tmp_path / "rows.jsonl"
    texts = [f"The {thing} of the harbor stands on the quay of stone in the evening." for thing in THINGS]
    rows.write_text("".join(json.dumps({"text": text, "summary": text[:12]}) + "\n" for text in texts))
    job = add_dataset(place, store, rows)
    scheduler = serve()
    ended = wait_for(store, job, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.INTERRUPTED)
    assert ended.status is JobStatus.SUCCEEDED, ended.reason
    assert (Path(job.output) / "manifest.json").is_file()
    folder = RayExecutor(place, address).folder(job.id)
    assert f"attempt 1 of job {job.id}" in logs.read(folder.log, 0, 100_000).text
    assert folder.read_exit(1).status is JobStatus.SUCCEEDED
    info = submission.JobSubmissionClient(address).get_job_info(submission_id(ended))
    assert info.metadata["deepsynth_job"] == job.id
    scheduler.stop()


def test_a_training_pauses_goes_on_survives_the_server_and_a_kill_and_ends_equal(
    place, store, serve, address, tmp_path
):
    values = settings(make_dataset(tmp_path), STEPS)
    whole = add_training(place, store, values)
    scheduler = serve()
    assert wait_for(store, whole, JobStatus.SUCCEEDED, JobStatus.FAILED).status is JobStatus.SUCCEEDED
    job = add_training(place, store, values)
    scheduler.wake()
    until(lambda: store.get_job(job.id).progress.get("done", 0) >= 2, "a few steps")
    store.request(job.id, "pause")
    paused = wait_for(store, job, JobStatus.PAUSED, JobStatus.SUCCEEDED)
    assert paused.status is JobStatus.PAUSED
    assert 0 < paused.progress["done"] < STEPS
    assert not processes("work").get(job.id), "its memory is free"
    scheduler.stop()

    scheduler = serve()  # a new server finds what an earlier one submitted
    store.request(job.id, "resume")
    running = wait_for(store, job, JobStatus.RUNNING, JobStatus.SUCCEEDED)
    assert running.attempt == 2
    scheduler.stop()
    scheduler = serve()
    time.sleep(3)
    assert store.get_job(job.id).attempt == 2, "it was found, not started again"

    until(lambda: processes("run").get(job.id) or store.get_job(job.id).ended_at, "its runner")
    for runner in processes("run").get(job.id, []):
        os.kill(runner.pid, signal.SIGKILL)
    ended = wait_for(store, job, JobStatus.SUCCEEDED, JobStatus.FAILED)
    assert ended.status is JobStatus.SUCCEEDED, ended.reason
    assert ended.attempt == 3, "killed, and gone on by itself"
    assert weights(ended, STEPS) == weights(store.get_job(whole.id), STEPS)
    moves = [event["status"] for event in store.events(job_id=job.id)]
    assert moves.count("succeeded") == 1


def test_rays_own_stop_lets_the_work_save_and_a_cancel_ends_it(place, store, serve, address, tmp_path):
    job = add_training(place, store, settings(make_dataset(tmp_path), 5000))
    serve()
    until(lambda: store.get_job(job.id).progress.get("done", 0) >= 2, "a few steps")
    submission.JobSubmissionClient(address).stop_job(submission_id(store.get_job(job.id)))
    until(lambda: store.get_job(job.id).attempt == 2, "the next attempt, by itself")
    until(lambda: store.get_job(job.id).status is JobStatus.RUNNING, "that it runs")
    saved = list(Path(job.output).glob("checkpoint-*/manifest.json"))
    assert saved, "it saved before it stopped"
    store.request(job.id, "cancel", save=False)
    assert wait_for(store, job, JobStatus.CANCELLED).status is JobStatus.CANCELLED
    until(lambda: not processes("work").get(job.id), "the end of its processes")
