import threading

import pytest

from deepsynth.core.errors import MissingExtraError, SettingsError
from deepsynth.training import trackers
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.trackers import Background, start_trackers


class Remembering:
    def __init__(self, *_args) -> None:
        self.lines: list[tuple] = []
        self.closed = False

    def log(self, step, values) -> None:
        self.lines.append((step, values))

    def close(self) -> None:
        self.closed = True


class Raising(Remembering):
    def log(self, step, values) -> None:
        raise ConnectionError("no server")


class Hanging(Remembering):
    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def log(self, step, values) -> None:
        self.release.wait()


@pytest.fixture
def register(monkeypatch):
    """Return a function that files a tracker under the name `mine`."""

    def add(tracker):
        monkeypatch.setitem(trackers.trackers._items, "mine", lambda *_args: tracker)
        return tracker

    return add


def test_a_tracker_hears_every_line_and_is_closed(config, rows, register):
    tracker = register(Remembering())
    DeepSynthProductionTrainer(config.override({"tracking": {"trackers": ["mine"]}})).train(rows)
    assert [step for step, _ in tracker.lines] == [1, 2, 3, 4, 5, 6]
    assert all({"loss", "learning_rate", "samples_per_second"} <= values.keys() for _, values in tracker.lines)
    assert tracker.closed


def test_a_tracker_that_raises_changes_nothing(config, rows, register, tmp_path, caplog):
    register(Raising())
    values = {"tracking": {"trackers": ["mine"]}, "output_dir": tmp_path / "tracked"}
    tracked = DeepSynthProductionTrainer(config.override(values))
    tracked.train(rows)
    plain = DeepSynthProductionTrainer(config)
    plain.train(rows)
    assert tracked.losses == plain.losses
    assert caplog.text.count("the tracker mine stopped (ConnectionError('no server'))") == 1


def test_a_tracker_that_hangs_is_not_waited_for(monkeypatch, caplog):
    monkeypatch.setattr(trackers, "WAITING_LINES", 2)
    monkeypatch.setattr(trackers, "SECONDS_TO_FINISH", 0.01)
    hanging = Hanging()
    background = Background("slow", lambda: hanging)
    for step in range(10):
        background.log(step, {"loss": 1.0})
    background.close()
    assert "it hangs, and lines are lost" in caplog.text
    hanging.release.set()


def test_a_run_with_a_tracker_that_hangs_is_the_run_without_it(config, rows, register, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(trackers, "SECONDS_TO_FINISH", 0.01)
    hanging = register(Hanging())
    values = {"tracking": {"trackers": ["mine"]}, "output_dir": tmp_path / "tracked"}
    tracked = DeepSynthProductionTrainer(config.override(values))
    tracked.train(rows)
    plain = DeepSynthProductionTrainer(config)
    plain.train(rows)
    hanging.release.set()
    assert tracked.losses == plain.losses
    assert (tmp_path / "tracked" / "checkpoint-6" / "model.safetensors").read_bytes() == (
        config.output_dir / "checkpoint-6" / "model.safetensors"
    ).read_bytes()
    assert "the tracker mine stopped (it did not finish within 0.01 seconds)" in caplog.text


def test_a_tracker_that_cannot_be_started_changes_nothing(caplog):
    def refused():
        raise ConnectionError("no server")

    background = Background("mine", refused)
    background.close()
    assert background.failed
    assert "the tracker mine stopped (ConnectionError('no server'))" in caplog.text


def test_an_unknown_tracker_lists_the_known_ones(config):
    with pytest.raises(SettingsError, match=r"no 'tensorbord'; did you mean 'tensorboard'"):
        start_trackers(config.override({"tracking": {"trackers": ["tensorbord"]}}))


def test_a_tracker_that_is_not_installed_says_how_to_get_it(config, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="mlflow is not installed"):
        start_trackers(config.override({"tracking": {"trackers": ["mlflow"]}}))
