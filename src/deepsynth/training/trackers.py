"""Metrics for other programs to draw: TensorBoard, Trackio, MLflow, Weights & Biases, each only when named.

A tracker is somebody else's code, often with a network behind it. It runs in a thread of its own behind a short queue: one that
raises is dropped with a warning, one that hangs misses lines, and the run neither waits nor changes.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from deepsynth.core.errors import MissingExtraError
from deepsynth.core.registry import Registry
from deepsynth.training.config import TrainerConfig

logger = logging.getLogger(__name__)

WAITING_LINES = 1000
SECONDS_TO_FINISH = 10.0


class Tracker(Protocol):
    """Somebody who draws metrics."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take in the numbers of a step."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


Factory = Callable[[TrainerConfig, Path], Tracker]
"""(settings, folder of the run) -> tracker"""
trackers: Registry[Factory] = Registry("deepsynth.trackers")
"""Every tracker by name; third parties add theirs through the entry-point group of the same name."""


class TensorBoard:
    """Writes event files into the run's folder."""

    def __init__(self, _config: TrainerConfig, folder: Path) -> None:
        module = importlib.import_module("torch.utils.tensorboard")
        self._writer = module.SummaryWriter(str(folder / "tensorboard"))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class Runs:
    """Trackio and Weights & Biases, which have the same functions."""

    def __init__(self, config: TrainerConfig, folder: Path, name: str) -> None:
        self._module = importlib.import_module(name)
        settings = config.model_dump(mode="json")
        self._module.init(project=config.tracking.project, name=config.tracking.run or folder.name, config=settings)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send numbers."""
        self._module.log(dict(values), step=step)

    def close(self) -> None:
        """End the run."""
        self._module.finish()


class MLflow:
    """Logs to the server or folder that MLflow is set up for."""

    def __init__(self, config: TrainerConfig, folder: Path) -> None:
        self._module = importlib.import_module("mlflow")
        self._module.set_experiment(config.tracking.project)
        self._module.start_run(run_name=config.tracking.run or folder.name)
        self._module.log_dict(config.model_dump(mode="json"), "config.json")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send numbers."""
        self._module.log_metrics(dict(values), step=step)

    def close(self) -> None:
        """End the run."""
        self._module.end_run()


trackers.register("tensorboard")(TensorBoard)
trackers.register("mlflow")(MLflow)
trackers.register("trackio")(lambda config, folder: Runs(config, folder, "trackio"))
trackers.register("wandb")(lambda config, folder: Runs(config, folder, "wandb"))


MODULES = {"tensorboard": "tensorboard", "mlflow": "mlflow", "trackio": "trackio", "wandb": "wandb"}
"""Tracker -> the module that it needs."""


class Background:
    """A tracker in a thread of its own, whose failure is told once and goes no further."""

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        """`make` is called in the thread too: a tracker may hang while it looks for its server."""
        self.name = name
        self.failed = False
        self._make = make
        self._lines: queue.Queue[tuple[int, Mapping[str, float]] | None] = queue.Queue(WAITING_LINES)
        self._thread = threading.Thread(target=self._work, name=f"tracker-{name}", daemon=True)
        self._thread.start()

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Hand over the numbers among `values` without waiting."""
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
        try:
            self._lines.put_nowait((step, numbers))
        except queue.Full:
            self._fail("it hangs, and lines are lost")

    def close(self) -> None:
        """Let it finish, but not for long."""
        seconds = SECONDS_TO_FINISH
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._fail(f"it did not finish within {seconds:g} seconds")

    def _work(self) -> None:
        try:
            tracker = self._make()
            while (line := self._lines.get()) is not None:
                tracker.log(*line)
            tracker.close()
        except Exception as error:  # noqa: BLE001  (anything may come out of a tracker, and none of it may end the run)
            self._fail(repr(error))

    def _fail(self, reason: str) -> None:
        if not self.failed:
            self.failed = True
            logger.warning(
                "the tracker %s stopped (%s); training goes on, and metrics.jsonl has everything", self.name, reason
            )


def start_trackers(config: TrainerConfig) -> list[Background]:
    """Return the trackers that the settings name, at work.

    Raises:
        SettingsError: one is unknown.
        MissingExtraError: one is not installed.
    """
    makers = {name: trackers.get(name) for name in config.tracking.trackers}
    for name in makers:
        package = MODULES.get(name, name)
        if name in MODULES and (sys.modules.get(package, package) is None or importlib.util.find_spec(package) is None):
            raise MissingExtraError(name, name)
    return [Background(name, functools.partial(make, config, config.output_dir)) for name, make in makers.items()]
