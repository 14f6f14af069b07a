from pathlib import Path

import pytest

from deepsynth.training.callbacks import Checkpointing, Evaluation, HubPushing
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.config import TrainerConfig
from deepsynth.training.hub_push import Outcome
from deepsynth.training.stepping import Step


class Log:
    def __init__(self) -> None:
        self.told: list[float] = []

        self.pushed: list[tuple] = []

    def evaluation(self, loss: float) -> None:
        self.told.append(loss)

    def push(self, *outcome) -> None:
        self.pushed.append(outcome)


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

    def write_samples(self, dataset) -> None:
        self.saved.append(f"samples of {len(dataset)}")

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


def test_samples_are_written_at_each_evaluation():
    training = FakeTraining([3.0, 2.0], eval_interval=2, eval_samples=3)
    training.go([Evaluation([1, 2, 3, 4], Log())], 4)
    assert training.saved == ["samples of 4"] * 2


class Push:
    def __init__(self) -> None:
        self.offered: list[tuple] = []
        self.closed = False

    def offer(self, folder, step, *, last) -> None:
        self.offered.append((folder.name, last))

    def outcomes(self):
        return [Outcome(5, "failed", "no net")] if self.closed else []

    def close(self) -> None:
        self.closed = True


def test_checkpoints_are_offered_to_the_hub_and_what_became_of_them_is_logged(tmp_path):
    for step in (2, 5):
        (tmp_path / f"checkpoint-{step}").mkdir()
    log, push = Log(), Push()
    FakeTraining(output_dir=tmp_path).go([HubPushing(push, log)], 5)
    assert push.offered == [("checkpoint-2", False), ("checkpoint-5", True)]
    assert log.pushed == [(5, "failed", "no net")]
