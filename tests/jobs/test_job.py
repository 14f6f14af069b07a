import pytest

from deepsynth.jobs.job import DELETABLE, MOVES, IllegalMoveError, Job, JobStatus, check_move


def job(status: JobStatus) -> Job:
    return Job(id="train-1", kind="train", status=status, attempt=1, config={}, created_at="", updated_at="")


def test_every_state_has_its_row_in_the_table_of_moves():
    assert set(MOVES) == set(JobStatus)


def test_finished_jobs_move_nowhere():
    assert not MOVES[JobStatus.SUCCEEDED]
    assert not MOVES[JobStatus.CANCELLED]


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("target", JobStatus)
def test_a_move_is_refused_exactly_when_the_table_lacks_it(status: JobStatus, target: JobStatus):
    if target in MOVES[status]:
        check_move(job(status), target)
    else:
        with pytest.raises(IllegalMoveError, match=f"is {status} and cannot become {target}"):
            check_move(job(status), target)


def test_a_job_that_may_still_run_cannot_be_deleted():
    assert DELETABLE.isdisjoint({JobStatus.QUEUED, JobStatus.STARTING, JobStatus.RUNNING, JobStatus.PAUSING})
