import json
from pathlib import Path

import pytest

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
