import json

import pytest
from fastapi.testclient import TestClient

from deepsynth.core.progress import SilentReporter
from deepsynth.web.app import create_app
from deepsynth.web.config import WebConfig
from deepsynth.web.services import make_services
from deepsynth.workflows import prepare

HOST = "http://127.0.0.1:5000"


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lamps")
    rows = [
        {"text": f"The lamp number {n} stands in the harbor of stone.", "summary": f"lamp {n:04}"} for n in range(30)
    ]
    rows.append({"text": "too short", "summary": "x"})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"source": str(folder / "rows.jsonl"), "out": folder / "data", "cleaning": {"min_summary_chars": 4}}
    prepare.run(prepare.PrepareConfig.parse(values), SilentReporter())
    return folder / "data"


@pytest.fixture
def config(tmp_path, dataset):
    return WebConfig(state_dir=tmp_path / "state", folders=(dataset.parent,))


class Idle:
    """An executor that starts nothing, so that jobs stay as a test puts them."""

    def __init__(self, real):
        self._real = real
        self.folder = real.folder

    def start(self, job):
        return None

    def ended(self, jobs):
        return []


class NoPlans:
    """A planner that starts no process."""

    def plan(self, config):
        return {"error": "nothing is planned in this test"}


def idle_services(config):
    """Services whose queue runs, but whose jobs start nothing and are not planned."""
    made = make_services(config, None, environment={})
    made.scheduler._executor = Idle(made.executor)
    made.estimates._planner = NoPlans()
    return made


@pytest.fixture
def services(config):
    return idle_services(config)


@pytest.fixture
def client(config, services):
    with TestClient(create_app(config, services=services), base_url=HOST, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def held(services):
    """Return a function that makes a job that waits for ever, in any state."""

    def make(kind="training", output="", **options):
        return services.store.create_job(kind, {"model": "tiny"}, output=output, **options)

    services.scheduler.capacity["cpu"] = 0
    return make
