import json
from pathlib import Path

import pytest
from tests.data.fake_hub import TOKEN, running

from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig

THINGS = ["lamp", "rope", "sail", "buoy", "chart", "gauge", "storm", "tide", "alarm", "anchor"]


def write_rows(path: Path, count: int = 40) -> Path:
    rows = [
        {
            "id": f"row-{number}",
            "text": f"The {THINGS[number % 10]} number {number} stands in the harbor and tells of the {THINGS[number % 7]}.",
            "summary": f"{THINGS[number % 10]} number {number}",
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def rows_file(tmp_path):
    return write_rows(tmp_path / "rows.jsonl")


@pytest.fixture
def prepare(tmp_path, rows_file):
    """A function that prepares the rows with some settings and returns the folder."""

    def run(**values) -> Path:
        config = PrepareConfig.parse({"source": str(rows_file), "out": tmp_path / "out", "rows_per_shard": 8, **values})
        Preparation(config, SilentReporter()).run()
        return config.out

    return run


@pytest.fixture
def fake_hub(tmp_path, monkeypatch):
    """A Hub on loopback to which huggingface_hub talks, logged in, with an empty cache and without long waits."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    with running() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)
        yield hub
        _http.close_session()


class Told(SilentReporter):
    """Keeps what it is told."""

    def __init__(self):
        self.messages, self.steps = [], []

    def message(self, text):
        self.messages.append(text)

    def progress(self, progress):
        self.steps.append(progress)


@pytest.fixture
def reporter():
    return Told()
