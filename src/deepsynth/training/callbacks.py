"""What happens after a step, in a fixed order: average, log, evaluate, save, push.

Each is a few lines that know the trainer by what they need of it. The order matters: an evaluation decides which checkpoint is
the best before it is saved, and the log has the step's line before the evaluation's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from deepsynth.training.averaging import MovingAverage
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import Examples
from deepsynth.training.hub_push import HubPush
from deepsynth.training.metrics import StepLog
from deepsynth.training.stepping import Step
from deepsynth.training.throughput import Throughput


class Training(Protocol):
    """What callbacks see of the trainer."""

    config: TrainerConfig
    state: TrainState

    def evaluation_loss(self, dataset: Examples) -> float:
        """Return the loss per label token."""
        ...

    def write_samples(self, dataset: Examples) -> None:
        """Write what the model makes of the first rows."""
        ...

    def save_checkpoint(self, step: int) -> Path:
        """Save a checkpoint."""
        ...


class Callback(Protocol):
    """Something that happens after each step."""

    def after_step(self, training: Training, step: Step) -> None:
        """Look at the step; `training.state` counts it already."""
        ...


class Averaging:
    """Takes each step's weights into the moving average."""

    def __init__(self, average: MovingAverage) -> None:
        self._average = average

    def after_step(self, training: Training, step: Step) -> None:
        """Take in the weights."""
        self._average.update(training.state.step)


class Logging:
    """Writes metrics and tells progress."""

    def __init__(self, log: StepLog, throughput: Throughput) -> None:
        self._log, self._throughput = log, throughput

    def after_step(self, training: Training, step: Step) -> None:
        """Take in the step's numbers."""
        self._log.step(step, self._throughput.operations(step))


class Evaluation:
    """Measures the loss on held-out examples, keeps the best in mind and ends a run that no longer gets better."""

    def __init__(self, dataset: Examples, log: StepLog) -> None:
        self._dataset, self._log = dataset, log

    def after_step(self, training: Training, step: Step) -> None:
        """Measure at the interval and at the end."""
        state, interval = training.state, training.config.eval_interval
        if interval is None or not (step.last or state.step % interval == 0):
            return
        loss = training.evaluation_loss(self._dataset)
        self._log.evaluation(loss)
        if training.config.eval_samples:
            training.write_samples(self._dataset)
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_step, state.stale_evaluations = loss, state.step, 0
            return
        state.stale_evaluations += 1
        patience = training.config.early_stopping
        state.stopped = patience is not None and state.stale_evaluations >= patience


class Checkpointing:
    """Saves at intervals, at a new best, and at the end."""

    def after_step(self, training: Training, step: Step) -> None:
        """Save if it is time."""
        state = training.state
        ending = step.last or state.stopped
        if ending or state.step % training.config.save_interval == 0 or state.best_step == state.step:
            training.save_checkpoint(state.step)


class HubPushing:
    """Offers each checkpoint to the Hub and logs what became of it; waits at the end, for as long as the settings say."""

    def __init__(self, push: HubPush, log: StepLog) -> None:
        self._push, self._log = push, log

    def after_step(self, training: Training, step: Step) -> None:
        """Offer the checkpoint of this step, if there is one."""
        ending = step.last or training.state.stopped
        folder = training.config.output_dir / f"checkpoint-{training.state.step}"
        if folder.is_dir():
            self._push.offer(folder, training.state.step, last=ending)
        if ending:
            self._push.close()
        for outcome in self._push.outcomes():
            self._log.push(outcome.step, outcome.status, outcome.reason)
