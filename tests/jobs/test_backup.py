import dataclasses
import shutil

import pytest

from deepsynth.core.errors import InputError
from deepsynth.jobs import JobStatus
from deepsynth.jobs.backup import PROOF, backup, restore
from deepsynth.jobs.executor import LocalExecutor
from deepsynth.jobs.folder import JobFolder


def test_a_copy_put_back_holds_every_job_and_what_ran_goes_on(place, store, make_job, tmp_path):
    done, running = make_job(), make_job()
    (place.artifacts / done.id / "checkpoint-4").mkdir(parents=True)
    (place.artifacts / done.id / "checkpoint-4" / "manifest.json").write_text("{}")
    store.queue.claim(running.id)
    store.move_job(running.id, JobStatus.RUNNING)
    assert backup(place, tmp_path / "copy") > 0
    after = make_job()
    store.close()
    shutil.rmtree(place.state_dir)
    restore(tmp_path / "copy", place)
    again = place.open()
    assert {job.id: job.status for job in again.list_jobs()} == {
        done.id: JobStatus.QUEUED,
        running.id: JobStatus.RUNNING,
    }
    again.settle(LocalExecutor(place).ended([again.get_job(running.id)]))
    assert (again.get_job(running.id).status, again.get_job(running.id).attempt) == (JobStatus.QUEUED, 2)
    assert JobFolder(place.jobs, running.id).spec()["kind"] == "training"
    assert (place.artifacts / done.id / "checkpoint-4" / "manifest.json").is_file()
    assert after.id not in {job.id for job in again.list_jobs()}
    again.close()


def test_results_can_stay_out(place, store, make_job, tmp_path):
    job = make_job()
    (place.artifacts / job.id).mkdir(parents=True)
    backup(place, tmp_path / "copy", artifacts=False)
    assert not (tmp_path / "copy" / "artifacts").exists()
    assert (tmp_path / "copy" / "jobs" / job.id / "spec.json").is_file()


def test_nothing_is_overwritten_and_no_half_a_copy_is_used(place, store, make_job, tmp_path):
    make_job()
    backup(place, tmp_path / "copy")
    with pytest.raises(InputError, match="exists"):
        backup(place, tmp_path / "copy")
    with pytest.raises(InputError, match="not empty"):
        restore(tmp_path / "copy", place)
    with pytest.raises(InputError, match="restore it there"):
        restore(tmp_path / "copy", dataclasses.replace(place, state_dir=tmp_path / "other"))
    (tmp_path / "copy" / PROOF).unlink()
    with pytest.raises(InputError, match="no whole backup"):
        restore(tmp_path / "copy", place)
    with pytest.raises(InputError, match="pg_dump"):
        backup(dataclasses.replace(place, store_url="postgresql://x"), tmp_path / "other")
    with pytest.raises(InputError, match="holds no jobs"):
        backup(dataclasses.replace(place, state_dir=tmp_path / "none"), tmp_path / "other")
