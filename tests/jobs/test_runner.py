import json
import subprocess
import sys
import threading
import time

import psutil

from deepsynth.jobs import JobStatus, logs
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.processes import marked_processes

STOPS = """
while not (attempt / 'control').exists():
    time.sleep(0.02)
(attempt / 'outcome.json').write_text(json.dumps({'error': 'Paused', 'detail': 'saved checkpoint-4'}))
sys.exit(75)
"""


def later(store, job, action, **options):
    def ask():
        while store.get_job(job.id).status is not JobStatus.RUNNING:
            time.sleep(0.05)
        store.request(job.id, action, **options)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_work_that_ends_well_has_succeeded_with_its_result_log_and_progress(run_script, make_job, store, place):
    job = make_job()
    script = (
        "print('hello hf_' + 'a' * 34)\n"
        "(attempt / 'progress.json').write_text(json.dumps({'done': 3, 'total': 3}))\n"
        "(attempt / 'outcome.json').write_text(json.dumps({'result': 'wrote x'}))"
    )
    record = run_script(job, script)
    assert record.status is JobStatus.SUCCEEDED
    ended = store.get_job(job.id)
    assert (ended.status, ended.result, ended.progress["done"]) == (JobStatus.SUCCEEDED, "wrote x", 3)
    text = logs.read(JobFolder(place.jobs, job.id).log, 0, 10_000).text
    assert "hello [redacted]" in text
    assert JobFolder(place.jobs, job.id).read_exit(1) == record


def test_a_pause_ends_in_paused_with_the_works_own_words(run_script, make_job, store):
    job = make_job()
    asking = later(store, job, "pause")
    run_script(job, STOPS)
    asking.join()
    paused = store.get_job(job.id)
    assert (paused.status, paused.reason, paused.leases) == (JobStatus.PAUSED, "saved checkpoint-4", ())


def test_a_cancel_that_may_save_waits_for_the_work(run_script, make_job, store):
    job = make_job()
    asking = later(store, job, "cancel")
    run_script(job, STOPS)
    asking.join()
    assert store.get_job(job.id).status is JobStatus.CANCELLED
    assert store.get_job(job.id).reason == "saved checkpoint-4"


def test_a_cancel_without_saving_kills_at_once(run_script, make_job, store):
    job = make_job()
    asking = later(store, job, "cancel", save=False)
    run_script(job, "time.sleep(600)")
    asking.join()
    assert store.get_job(job.id).status is JobStatus.CANCELLED
    assert "at once" in store.get_job(job.id).reason


def test_work_that_does_not_stop_in_its_grace_is_killed_and_can_be_resumed(run_script, make_job, store):
    job = make_job(grace_seconds=0.5)
    asking = later(store, job, "pause")
    run_script(job, "time.sleep(600)")
    asking.join()
    paused = store.get_job(job.id)
    assert paused.status is JobStatus.PAUSED
    assert "within 0.5 s" in paused.reason


def test_killed_work_is_interrupted_and_goes_back_into_the_queue(run_script, make_job, store):
    job = make_job()
    run_script(job, "os.kill(os.getpid(), signal.SIGKILL)")
    again = store.get_job(job.id)
    assert (again.status, again.attempt, again.automatic_resumes) == (JobStatus.QUEUED, 2, 1)
    assert "SIGKILL" in again.reason


def test_what_the_work_leaves_behind_is_swept_and_the_locks_are_free(run_script, make_job, store, place):
    job = make_job()
    script = (
        "import subprocess\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True, close_fds=False)"
    )
    run_script(job, script)
    assert marked_processes([job.id])[job.id] == []
    folder = JobFolder(place.jobs, job.id)
    assert not folder.alive.is_held()
    assert not folder.runner.is_held()


def test_a_runner_of_an_attempt_that_is_over_ends_its_work_and_writes_nothing(run_script, make_job, store, place):
    job = make_job()

    def overtake():
        while store.get_job(job.id).status is not JobStatus.RUNNING:
            time.sleep(0.05)
        store.move_job(job.id, JobStatus.INTERRUPTED)
        store.move_job(job.id, JobStatus.QUEUED)

    thread = threading.Thread(target=overtake)
    thread.start()
    assert run_script(job, "time.sleep(600)") is None
    thread.join()
    assert (store.get_job(job.id).status, store.get_job(job.id).attempt) == (JobStatus.QUEUED, 2)
    assert JobFolder(place.jobs, job.id).read_exit(1) is None


def test_a_deleted_jobs_work_is_ended(run_script, make_job, store):
    job = make_job()

    def remove():
        while store.get_job(job.id).status is not JobStatus.RUNNING:
            time.sleep(0.05)
        store.move_job(job.id, JobStatus.FAILED)
        store.delete_job(job.id)

    thread = threading.Thread(target=remove)
    thread.start()
    assert run_script(job, "time.sleep(600)") is None
    thread.join()


def test_memory_and_processor_time_are_sampled_while_it_runs(run_script, make_job, place):
    job = make_job()
    run_script(job, "x = bytearray(30_000_000); time.sleep(0.7)")
    lines = (JobFolder(place.jobs, job.id).attempt(1) / "system.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["memory_mib"] > 1


def test_the_secret_of_the_works_own_token_file_stays_out_of_the_log(run_script, make_job, place, tmp_path):
    (tmp_path / "token").write_text("an-unusual-token\n")
    job = make_job()
    run_script(job, "print(open(os.environ['HF_TOKEN_PATH']).read())", {"HF_TOKEN_PATH": str(tmp_path / "token")})
    assert "an-unusual-token" not in logs.read(JobFolder(place.jobs, job.id).log, 0, 10_000).text


def test_a_machine_that_stops_lets_the_work_save(place, store, make_job):
    """The runner hears SIGTERM, asks the work to stop, and the job goes on by itself later."""
    job = make_job()
    script = f"""
import os, sys
from deepsynth.jobs.executor import take_locks
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.place import find_place
from deepsynth.jobs.runner import Runner
from pathlib import Path
place = find_place(Path({str(place.state_dir)!r}), {{}})
store = place.open()
folder = JobFolder(place.jobs, {job.id!r})
assert take_locks(folder)
head = "import sys, time, json, pathlib; attempt = pathlib.Path({str(JobFolder(place.jobs, job.id).attempt(1))!r})\\n"
Runner(store, folder, store.queue.claim({job.id!r}), [sys.executable, "-c", head + {STOPS!r}], os.environ).run()
"""
    runner = subprocess.Popen([sys.executable, "-c", script])
    while store.get_job(job.id).status is not JobStatus.RUNNING:
        time.sleep(0.05)
    psutil.Process(runner.pid).terminate()
    assert runner.wait(timeout=30) == 0
    assert store.get_job(job.id).status is JobStatus.QUEUED
    assert "saved checkpoint-4" in store.get_job(job.id).reason
