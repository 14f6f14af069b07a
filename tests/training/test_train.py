import json
import os
import signal

import pytest

from deepsynth.core.documents import Progress
from deepsynth.models import load_model
from deepsynth.training import train
from deepsynth.training.config import TrainerConfig


@pytest.fixture
def table(tmp_path):
    """A JSON Lines file of documents with summaries, one row of them broken."""
    rows = [
        {
            "text": f"The gauge at harbor {number} reads the tide every hour and tells the keeper.",
            "summary": f"Gauge {number}.",
        }
        for number in range(40)
    ]
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), '{"text": "cut']) + "\n")
    return path


def test_the_older_command_line_trains_from_a_local_file(table, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(train, "DEEPSEEK_OCR", "tiny")
    monkeypatch.setattr(train, "OFFICIAL_PAGE", {})
    caplog.set_level("INFO")
    flags = ["--use-deepseek-ocr", "--hf-dataset", str(table), "--output", str(tmp_path / "model")]
    assert train.main([*flags, "--num-epochs", "1", "--batch-size", "4"]) == 0
    config = TrainerConfig.load(tmp_path / "model" / "config.json")
    assert (config.num_epochs, config.batch_size, config.model) == (1, 4, "tiny")
    (checkpoint,) = (tmp_path / "model").glob("checkpoint-*")
    assert load_model(checkpoint).tokenizer is not None
    assert "FROZEN" in caplog.text
    assert "TRAINABLE" in caplog.text
    assert (tmp_path / "model" / "metrics.jsonl").read_text()


def test_a_signal_pauses_with_a_code_of_its_own_and_the_same_command_goes_on(table, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("model: tiny\nlog_interval: 1\nmax_steps: 4\nbatch_size: 4\n")
    flags = ["--config", str(path), "--hf-dataset", str(table), "--output", str(tmp_path / "out")]

    def terminate(_reporter, progress):
        if progress.message == "training":
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(train._LoggingReporter, "progress", terminate)
        assert train.main(flags) == 75
    assert "paused after step 1" in capsys.readouterr().err
    assert train.main(flags) == 0
    assert (tmp_path / "out" / "checkpoint-4").is_dir()


def test_the_official_model_is_meant_unless_another_is_named():
    def settings(*flags):
        return train._settings(train._parser().parse_args(["--hf-dataset", "owner/name", *flags]))

    official = settings("--use-deepseek-ocr")
    assert (official.model, official.rendering.mode) == ("deepseek-ai/DeepSeek-OCR", "base")
    assert settings("--use-deepseek-ocr", "--model-name", "tiny").model == "tiny"
    assert settings().model == "nano"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hf-dataset", "/nowhere/at/all.jsonl"], "/nowhere/at/all.jsonl"),
        (["--batch-size", "0"], "batch_size"),
        (["--config", "/nowhere.yaml"], "no settings file at /nowhere.yaml"),
    ],
)
def test_a_wrong_command_line_says_why_in_one_line(flags, message, tmp_path, capsys):
    assert train.main([*flags, "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_flags_win_over_the_settings_file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("batch_size: 2\nnum_epochs: 5\n")
    arguments = train._parser().parse_args(["--config", str(path), "--batch-size", "3"])
    config = train._settings(arguments)
    assert (config.batch_size, config.num_epochs) == (3, 5)


def test_the_time_left_is_that_of_the_work_at_hand(caplog):
    caplog.set_level("INFO")
    reporter = train._LoggingReporter()
    for done, total, work in ((5, None, "preparing"), (1, 3, "training"), (2, 3, "training")):
        reporter.progress(Progress(done=done, total=total, message=work))
    assert [message.split()[-2] for message in caplog.messages] == ["?", "?", "0:00"]
