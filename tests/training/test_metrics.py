import json
from dataclasses import asdict

import pytest

from deepsynth.core.documents import Progress
from deepsynth.training import metrics
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.config import TrainerConfig
from deepsynth.training.metrics import StepLog, read_metrics_lines
from deepsynth.training.stepping import Step


class Listener:
    def __init__(self) -> None:
        self.heard: list[Progress] = []
        self.said: list[str] = []

    def progress(self, progress: Progress) -> None:
        self.heard.append(progress)

    def message(self, text: str) -> None:
        self.said.append(text)


def made(loss: float, tokens: int, grad_norm: float = 2.0) -> Step:
    return Step(
        loss=loss,
        label_tokens=tokens,
        rate=0.1,
        grad_norm=grad_norm,
        examples=4,
        last=False,
        tokens=5 * tokens,
        visual_tokens=3 * tokens,
        experts={"busiest_expert": 1.5},
    )


def test_a_line_holds_the_mean_weighted_by_label_tokens(tmp_path):
    state, listener = TrainState(), Listener()
    log = StepLog(TrainerConfig(output_dir=tmp_path, log_interval=2), 4, listener, state)
    for step, (loss, tokens) in enumerate([(1.0, 30), (3.0, 10)], start=1):
        state.step = step
        log.step(made(loss, tokens), 3e12)
    (line,) = read_metrics_lines((tmp_path / "metrics.jsonl").read_text())
    assert (line["step"], line["loss"], line["learning_rate"], line["grad_norm"]) == (2, 1.5, 0.1, 2.0)
    assert [item.done for item in listener.heard] == [2]
    assert line["visual_tokens_per_second"] == pytest.approx(1.5 * line["text_tokens_per_second"])
    assert line["text_tokens_per_second"] == pytest.approx(2 * line["label_tokens_per_second"])
    assert line["teraflops"] > 0
    assert line["busiest_expert"] == 1.5
    assert "mfu" not in line  # nobody knows the peak of a CPU


def test_a_line_after_a_pause_holds_the_steps_before_it_too(tmp_path):
    """The sums lie in the run's state, which a checkpoint keeps."""
    config, state = TrainerConfig(output_dir=tmp_path, log_interval=2), TrainState()
    state.step = 1
    StepLog(config, 4, Listener(), state).step(made(1.0, 30), 1e12)
    again = TrainState(**json.loads(json.dumps(asdict(state))))
    again.step = 2
    StepLog(config, 4, Listener(), again).step(made(3.0, 10), 1e12)
    (line,) = read_metrics_lines((tmp_path / "metrics.jsonl").read_text())
    assert line["loss"] == 1.5
    assert again.tally == {}


def test_an_evaluation_takes_no_time_from_the_rates(tmp_path, monkeypatch):
    clock = iter([0.0, 10.0, 500.0, 510.0])
    monkeypatch.setattr(metrics.time, "monotonic", lambda: next(clock))
    state = TrainState()
    log = StepLog(TrainerConfig(output_dir=tmp_path, log_interval=2), 4, Listener(), state)
    for step in (1, 2):
        state.step = step
        log.step(made(1.0, 30), 1e12)
        if step == 1:
            log.evaluation(0.5)
    _, line = read_metrics_lines((tmp_path / "metrics.jsonl").read_text())
    assert line["samples_per_second"] == 8 / 20


def test_utilization_is_said_where_the_devices_peak_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "peak", lambda _device: 1e15)
    state = TrainState(step=1, processes=2)
    log = StepLog(TrainerConfig(output_dir=tmp_path, log_interval=1), 3, Listener(), state)
    log.step(made(1.0, 10), 1e12)
    (line,) = read_metrics_lines((tmp_path / "metrics.jsonl").read_text())
    assert line["mfu"] == pytest.approx(line["teraflops"] / 2000)


def test_what_became_of_a_push_is_a_line_and_a_message(tmp_path):
    listener = Listener()
    StepLog(TrainerConfig(output_dir=tmp_path), 3, listener, TrainState(step=2)).push(1, "failed", "no net")
    (line,) = read_metrics_lines((tmp_path / "metrics.jsonl").read_text())
    assert line == {"step": 2, "pushed_step": 1, "hub": "failed", "reason": "no net"}
    assert listener.said == ["step 1: failed to the Hub (no net)"]


def test_the_last_step_is_always_told(tmp_path):
    state, listener = TrainState(step=3), Listener()
    StepLog(TrainerConfig(output_dir=tmp_path, log_interval=10), 3, listener, state).step(made(1.0, 1), 1.0)
    assert [item.done for item in listener.heard] == [3]


def test_an_evaluation_is_a_line_and_a_message(tmp_path):
    listener = Listener()
    StepLog(TrainerConfig(output_dir=tmp_path), 3, listener, TrainState(step=2)).evaluation(0.5)
    assert read_metrics_lines((tmp_path / "metrics.jsonl").read_text()) == [{"step": 2, "evaluation_loss": 0.5}]
    assert listener.said == ["step 2: evaluation loss 0.5000"]


def test_a_number_that_json_lacks_becomes_null(tmp_path):
    log = StepLog(TrainerConfig(output_dir=tmp_path, log_interval=1), 3, Listener(), TrainState(step=1))
    log.step(made(1.0, 1, grad_norm=float("inf")), 1.0)
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["grad_norm"] is None


def test_a_line_that_a_crash_cut_short_is_left_out():
    assert read_metrics_lines('{"step": 1}\n{"st') == [{"step": 1}]
