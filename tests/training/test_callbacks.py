from pathlib import Path

import pytest

from deepsynth.training.callbacks import Checkpointing, Evaluation, Step
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.config import TrainerConfig


class Log:
    def __init__(self) -> None:
        self.told: list[float] = []

    def evaluation(self, loss: float) -> None:
        self.told.append(loss)


class FakeTraining:
    """Evaluates to the losses it is given, and remembers what was saved."""

    def __init__(self, losses=(), **values) -> None:
        self.config = TrainerConfig.parse(values)
        self.state = TrainState()
        self.saved: list[int] = []
        self._losses = iter(losses)

    def evaluation_loss(self, _dataset) -> float:
        return next(self._losses)

    def save_checkpoint(self, step: int) -> Path:
        self.saved.append(step)
        return Path()

    def go(self, callbacks, steps: int) -> None:
        for number in range(1, steps + 1):
            self.state.step = number
            for callback in callbacks:
                callback.after_step(
                    self, Step(loss=1, label_tokens=1, rate=1, grad_norm=1, examples=1, last=number == steps)
                )


def test_evaluation_happens_at_the_interval_and_at_the_end():
    log, training = Log(), FakeTraining([3.0, 2.0, 1.0], eval_interval=2)
    training.go([Evaluation([], log)], 5)
    assert log.told == [3.0, 2.0, 1.0]
    assert (training.state.best_loss, training.state.best_step) == (1.0, 5)


@pytest.mark.parametrize(("patience", "stopped"), [(1, True), (2, True), (3, False)])
def test_patience_counts_evaluations_in_a_row_without_gain(patience, stopped):
    training = FakeTraining([2.0, 3.0, 1.0, 1.0, 1.5], eval_interval=1, early_stopping=patience)
    training.go([Evaluation([], Log())], 5)
    assert training.state.stale_evaluations == 2
    assert training.state.stopped == stopped


def test_checkpoints_are_saved_at_the_interval_at_a_new_best_and_at_the_end():
    training = FakeTraining([3.0, 2.0, 4.0], eval_interval=3, save_interval=4)
    training.go([Evaluation([], Log()), Checkpointing()], 9)
    assert training.saved == [3, 4, 6, 8, 9]
