"""A tracker of your own: appends each step to a CSV file beside the run.

    deepsynth train ... --tracking.trackers csv

finds it through an entry point of your package:

    [project.entry-points."deepsynth.trackers"]
    csv = "your_package.csv_tracker:CsvTracker"

A tracker runs in a thread of its own: one that raises is dropped with a warning, one that hangs misses lines, and the run
neither waits nor changes.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from deepsynth.training.config import TrainerConfig
from deepsynth.training.trackers import trackers


@trackers.register("csv")
class CsvTracker:
    """Writes the loss, and whatever else is named in `columns`."""

    columns = ("step", "loss", "learning_rate")

    def __init__(self, config: TrainerConfig, folder: Path) -> None:
        self._file = (folder / "metrics.csv").open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write one row; a metric that this step lacks stays empty."""
        self._rows.writerow([step, *(values.get(name, "") for name in self.columns[1:])])

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
