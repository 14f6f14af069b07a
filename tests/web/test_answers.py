import pytest

from deepsynth.jobs import Job, JobStatus
from deepsynth.web.answers import OLD_WORDS, JobAnswer, hub_repository, job_values, progress_answer


def job(**values) -> Job:
    base = {
        "id": "0" * 16,
        "kind": "training",
        "status": JobStatus.RUNNING,
        "attempt": 1,
        "config": {},
        "created_at": "c",
        "updated_at": "u",
    }
    return Job(**(base | values))


@pytest.mark.parametrize("status", JobStatus)
def test_every_state_has_its_old_word_and_fits_the_model(status):
    values = job_values(job(status=status), position=3)
    answer = JobAnswer.model_validate(values)
    assert answer.status == OLD_WORDS[status]
    assert answer.state is status
    assert answer.position == (3 if status is JobStatus.QUEUED else None)


def test_actions_are_what_is_legal():
    assert job_values(job(status=JobStatus.QUEUED))["actions"] == ["pause", "cancel"]
    assert job_values(job(status=JobStatus.RUNNING))["actions"] == ["pause", "cancel"]
    assert job_values(job(status=JobStatus.PAUSED))["actions"] == ["resume", "cancel", "delete"]
    assert job_values(job(status=JobStatus.SUCCEEDED))["actions"] == ["delete"]
    assert job_values(job(status=JobStatus.CANCELLING))["actions"] == []


def test_progress_has_its_share():
    assert progress_answer({"done": 1, "total": 4}).fraction == 0.25
    assert progress_answer({"done": 1, "total": None}).fraction is None
    assert progress_answer({}).done == 0


def test_the_hubs_repository_is_found_where_settings_name_one():
    assert hub_repository({"hub": {"repo": "me/model"}}) == "me/model"
    assert hub_repository({"repo": "me/data"}) == "me/data"
    assert hub_repository({"hub": None}) is None
