"""Real trainings of the shipped architecture as jobs: the dataset, the settings, and what a finished one is held to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepsynth.core.files import hash_file
from deepsynth.core.progress import SilentReporter
from deepsynth.jobs import Job, StateManager
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.job import new_job_id
from deepsynth.jobs.place import Place
from deepsynth.workflows import prepare

THINGS = ("lamp", "rope", "sail", "buoy", "chart", "gauge")


def make_dataset(folder: Path) -> Path:
    """Prepare twenty-four short rows."""
    rows = [
        {
            "text": f"The {THINGS[n % 6]} number {n} of the harbor stands on the quay of stone since the year {1800 + n}.",
            "summary": f"{THINGS[n % 6]} {n:03}",
        }
        for n in range(24)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"source": str(folder / "rows.jsonl"), "out": folder / "data", "cleaning": {"min_summary_chars": 4}}
    prepare.run(prepare.PrepareConfig.parse(values), SilentReporter())
    return folder / "data"


def settings(dataset: Path, steps: int, **more: Any) -> dict[str, Any]:
    """Return the settings of a training on nano."""
    return {
        "model": "nano",
        "data": {"path": str(dataset)},
        "max_steps": steps,
        "num_epochs": 1000,
        "batch_size": 2,
        "save_interval": 4,
        "log_interval": 1,
        **more,
    }


def add_training(place: Place, store: StateManager, values: dict[str, Any]) -> Job:
    """Queue a training that writes where the web application would let it."""
    identity = new_job_id()
    output = place.artifacts / identity
    values = values | {"output_dir": str(output)}
    JobFolder(place.jobs, identity).create("training", values, str(output))
    return store.create_job("training", values, job_id=identity, output=str(output))


def weights(job: Job, steps: int) -> str:
    """Return the hash of the weights at the end."""
    return hash_file(Path(job.output) / f"checkpoint-{steps}" / "model.safetensors")


def losses(job: Job) -> list[tuple[int, float]]:
    """Return step and loss of every line of the metrics."""
    lines = (Path(job.output) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["step"], row["loss"]) for row in map(json.loads, lines) if "loss" in row]


def until(condition: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
    """Wait for a fact and return it; fail with `what` when it does not come."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.05)
    return found
