"""Jobs on a Ray cluster: what is asked of Ray, against a stand-in for its client; and a real cluster (`make test-ray`)."""

import importlib.util
from dataclasses import dataclass, field, replace

import pytest

from deepsynth.core.errors import MissingExtraError, SettingsError, StorageError
from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import Needs
from deepsynth.jobs.ray_jobs import RayExecutor, describe, submission_id

S = JobStatus


@dataclass
class Info:
    status: str
    message: str | None = None


@dataclass
class Cluster:
    """What Ray would remember."""

    jobs: dict = field(default_factory=dict)
    submitted: list = field(default_factory=list)
    broken: Exception | None = None
    connections: int = 0

    def connect(self):
        self.connections += 1
        return self

    def _answer(self):
        if self.broken is not None:
            raise self.broken

    def submit_job(self, **what):
        self._answer()
        self.submitted.append(what)
        self.jobs[what["submission_id"]] = Info("PENDING")

    def get_job_info(self, name):
        self._answer()
        if name not in self.jobs:
            raise RuntimeError(f"Request failed with status code 404: Job {name} does not exist.")
        return self.jobs[name]

    def stop_job(self, name):
        self.jobs[name] = Info("STOPPED", "Job was intentionally stopped.")


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def executor(place, cluster):
    return RayExecutor(place, "http://127.0.0.1:8265", connect=cluster.connect)


@pytest.fixture
def started(executor, make_job, store):
    """Return a job whose first attempt was submitted."""
    make_job(needs=Needs(cpu=1, gpu=2), grace_seconds=300)
    job = store.queue.start_next({"cpu": 1, "gpu": 2})
    assert executor.start(job) is None
    return job


def test_an_attempt_is_submitted_with_its_resources_its_place_and_a_name_of_its_own(cluster, started, place):
    (what,) = cluster.submitted
    assert what["entrypoint"].endswith(f"-m deepsynth jobs run {started.id}")
    assert (what["entrypoint_num_cpus"], what["entrypoint_num_gpus"]) == (1, 2)
    assert what["submission_id"] == f"deepsynth-{started.id}-1"
    variables = what["runtime_env"]["env_vars"]
    assert variables["DEEPSYNTH_UI_STATE_DIR"] == str(place.state_dir)
    assert variables["DEEPSYNTH_JOB_ATTEMPT"] == "1"
    assert float(variables["RAY_JOB_STOP_WAIT_TIME_S"]) > 300, "Ray would kill a runner that still saves"
    assert not any("TOKEN" in name for name in variables)


@pytest.mark.parametrize("status", ["PENDING", "RUNNING"])
def test_what_ray_still_has_is_alive_and_a_new_server_finds_it_by_name(cluster, started, place, status):
    cluster.jobs[submission_id(started)].status = status
    after_restart = RayExecutor(place, "http://127.0.0.1:8265", connect=cluster.connect)
    assert after_restart.ended([started]) == []


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (Info("FAILED", "Job entrypoint command failed\nexit code 1\n"), "Ray calls it failed: exit code 1"),
        (Info("SUCCEEDED"), "Ray calls it succeeded"),
        (None, "Ray does not know it"),
    ],
)
def test_without_an_exit_record_it_was_interrupted_whatever_ray_calls_it(cluster, executor, started, info, reason):
    cluster.jobs = {} if info is None else {submission_id(started): info}
    ((job, record),) = executor.ended([started])
    assert (job.id, record.status) == (started.id, S.INTERRUPTED)
    assert record.reason.startswith(reason)


def test_the_exit_record_is_believed_before_ray(cluster, executor, started):
    known = ExitRecord(status=S.SUCCEEDED, result="done", mark=7)
    executor.folder(started.id).write_exit(1, known)
    cluster.jobs[submission_id(started)] = Info("FAILED", "the node was lost")
    assert executor.ended([started]) == [(started, known)]


def test_a_runner_that_lives_is_alive_also_when_ray_has_forgotten_it(cluster, executor, started):
    cluster.jobs.clear()
    lock = executor.folder(started.id).runner
    assert lock.acquire()
    assert executor.ended([started]) == []
    lock.let_go()
    assert len(executor.ended([started])) == 1


@pytest.mark.parametrize("status", [S.PAUSING, S.CANCELLING])
def test_one_that_waits_at_ray_is_taken_back_when_it_is_to_stop(cluster, executor, started, status):
    asked = replace(started, status=status)
    assert executor.ended([asked]) == []
    ((_, record),) = executor.ended([asked])
    assert record.status is S.INTERRUPTED


def test_one_that_runs_is_left_to_its_runner_when_it_is_to_stop(cluster, executor, started):
    cluster.jobs[submission_id(started)].status = "RUNNING"
    assert executor.ended([replace(started, status=S.PAUSING)]) == []
    assert cluster.jobs[submission_id(started)].status == "RUNNING"


@pytest.mark.parametrize("error", [ConnectionError("no route"), RuntimeError("status code 500: broken")])
def test_a_cluster_that_does_not_answer_ends_nothing_and_is_asked_again_anew(cluster, executor, started, error):
    cluster.broken = error
    with pytest.raises(StorageError, match=r"http://127\.0\.0\.1:8265 does not answer as it should"):
        executor.ended([started])
    cluster.broken, before = None, cluster.connections
    assert executor.ended([started]) == []
    assert cluster.connections == before + 1


def test_a_password_in_the_stores_url_is_refused_and_not_shown(place):
    shown = replace(place, store_url="postgresql://a:pass-word@h/jobs")
    with pytest.raises(SettingsError, match="password_file") as caught:
        RayExecutor(shown, "http://127.0.0.1:8265", connect=Cluster)
    assert "pass-word" not in str(caught.value)
    hidden = replace(place, store_url="postgresql://a@h/jobs?password_file=/run/password")
    RayExecutor(hidden, "http://127.0.0.1:8265", connect=Cluster)


def test_what_is_no_address_and_a_missing_extra_are_named(place, monkeypatch):
    with pytest.raises(SettingsError, match="ray_address 'head:8265'"):
        RayExecutor(place, "head:8265")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"deepsynth\[ray\]"):
        RayExecutor(place, "http://127.0.0.1:8265")


def test_a_token_in_rays_message_is_blotted_out():
    assert "hf_" not in describe("FAILED", "Unauthorized: hf_" + "a" * 30)
