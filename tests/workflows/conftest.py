import json

import pytest

from deepsynth.core.progress import SilentReporter
from deepsynth.training.config import TrainerConfig
from deepsynth.workflows import prepare, train

THINGS = ["lamp", "rope", "sail", "buoy", "chart", "gauge", "storm", "tide", "alarm", "anchor"]


class Told(SilentReporter):
    """Keeps the messages."""

    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def reporter():
    return Told()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    rows = [
        {
            "text": f"The {THINGS[number % 10]} number {number} stands in the harbor.",
            "summary": f"{THINGS[number % 10]} {number:03}",
        }
        for number in range(40)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = prepare.PrepareConfig.parse(
        {
            "source": str(folder / "rows.jsonl"),
            "out": folder / "data",
            "split": {"test": 0.3},
            "cleaning": {"min_summary_chars": 4},
        }
    )
    prepare.run(config, SilentReporter())
    return config.out


@pytest.fixture(scope="session")
def checkpoint(dataset, tmp_path_factory):
    values = {"model": "tiny", "output_dir": tmp_path_factory.mktemp("run"), "max_steps": 3, "data": {"path": dataset}}
    return train.run(TrainerConfig.parse(values), SilentReporter()).checkpoint
