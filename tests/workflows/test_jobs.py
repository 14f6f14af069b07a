import pytest

from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.jobs import IllegalMoveError, JobStatus
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.job import new_job_id
from deepsynth.jobs.place import find_place
from deepsynth.workflows.catalog import job_kinds
from deepsynth.workflows.jobs import JobsConfig, delete_job, run
from deepsynth.workflows.jobs import _handles_pauses as handles_pauses


@pytest.fixture
def place(tmp_path):
    return find_place(tmp_path / "state", {})


@pytest.fixture
def store(place):
    manager = place.open()
    yield manager
    manager.close()


@pytest.fixture
def job(place, store):
    identity = new_job_id()
    output = place.artifacts / identity
    output.mkdir(parents=True)
    JobFolder(place.jobs, identity).create("dataset", {"source": "/none", "out": str(output)}, str(output))
    return store.create_job("dataset", {}, job_id=identity, output=str(output), name="mine")


def call(place, *words, **options):
    return run(JobsConfig(words=words, state_dir=place.state_dir, **options), SilentReporter())


def test_jobs_are_listed_shown_and_moved_from_a_terminal(place, job, store):
    assert job.id in call(place)
    assert call(place, "pause", job.id).split()[2] == "paused"
    assert "pause was asked for" in call(place, "show", job.id)
    assert call(place, "resume", job.id).split()[2] == "queued"
    with pytest.raises(IllegalMoveError, match="pause or cancel"):
        call(place, "delete", job.id)
    call(place, "cancel", job.id, save_first=False)
    assert store.get_job(job.id).save is False
    assert "deleted" in call(place, "delete", job.id, artifacts=True)
    assert call(place) == "no jobs"
    assert set(store.removals()) == {str(place.jobs / job.id), job.output}


def test_a_folder_that_the_application_did_not_choose_is_never_removed(place, store, tmp_path):
    outside = store.create_job("dataset", {}, output=str(tmp_path / "precious"))
    store.request(outside.id, "cancel")
    delete_job(store, place, outside.id, artifacts=True)
    assert store.removals() == [str(place.jobs / outside.id)]


def test_the_state_folder_is_copied_and_put_back_from_a_terminal(place, job, tmp_path):
    assert "bytes" in call(place, "backup", str(tmp_path / "copy"), without_results=True)
    place.state_dir.rename(tmp_path / "lost")
    assert "start the application" in call(place, "restore", str(tmp_path / "copy"))
    assert job.id in call(place)


@pytest.mark.parametrize("words", [("dance", "x"), ("pause",), ("pause", "a", "b"), ("backup",), ("restore", "a", "b")])
def test_mistakes_are_told(place, words):
    with pytest.raises(InputError):
        call(place, *words)


def test_a_runner_started_by_hand_runs_the_job_to_its_end(place, job, store):
    assert call(place, "run", job.id).startswith("failed")
    ended = store.get_job(job.id)
    assert ended.status is JobStatus.FAILED
    assert "/none" in ended.reason
    assert "/none" in call(place, "log", job.id)


def test_kinds_are_what_the_catalog_says_and_only_training_saves_by_itself():
    kinds = job_kinds()
    assert set(kinds) >= {"dataset", "training", "evaluation", "export"}
    for verb in kinds.values():
        assert verb.job is not None
        assert not verb.job.output or verb.job.output in verb.config_class().model_fields
    assert handles_pauses(kinds["training"])
    assert not handles_pauses(kinds["dataset"])


@pytest.mark.parametrize("words", [("work",), ("work", "a"), ("work", "a", "first", "1")])
def test_the_work_itself_is_started_by_a_runner_alone(words, reporter):
    with pytest.raises(InputError, match="a runner starts this: deepsynth jobs work ID ATTEMPT RUNNER"):
        run(JobsConfig(words=words), reporter)
