import json
import signal
import subprocess
import sys
import time

import pytest

from deepsynth.core.errors import InputError, ModelError, Paused, SettingsError
from deepsynth.training import encoding
from deepsynth.training.config import TrainerConfig
from deepsynth.workflows import train
from deepsynth.workflows.prepare import PrepareConfig, run


@pytest.fixture
def config(tmp_path):
    """Settings of a small dataset with stored pages whose cache lies beside it."""
    rows = [
        {"text": f"Lamp number {number} stands in the harbor all night.", "summary": f"lamp {number:03}"}
        for number in range(12)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {
        "source": str(tmp_path / "rows.jsonl"),
        "out": tmp_path / "data",
        "split": {"validation": 0.3, "test": 0.0},
        "cleaning": {"near_duplicates": "keep", "leaks": "keep"},
        "rendering": {"mode": "nano-128"},
    }
    return PrepareConfig.parse(values)


@pytest.fixture
def encode(tmp_path):
    return {"model": "tiny", "cache": {"folder": tmp_path / "cache", "precision": "float32"}}


def training(config, encode, **values):
    """Settings of a training on the prepared dataset with the same cache."""
    base = {
        "model": encode["model"], "cache": encode["cache"], "output_dir": config.out.with_name("run"), "max_steps": 3,
        "eval_interval": 2, "batch_size": 2, "data": {"path": config.out}, "rendering": config.rendering,
    }  # fmt: skip
    return TrainerConfig.parse({**base, **values})


def test_the_result_counts_what_was_kept_and_what_was_not(tmp_path, reporter):
    (tmp_path / "rows.csv").write_text(
        "text,summary\n" + "A text about the harbor lamp and its keeper,keeper of a lamp\n" * 2
    )
    values = {"source": str(tmp_path / "rows.csv"), "out": tmp_path / "out", "cleaning": {"min_compression": 1.0}}
    result = run(PrepareConfig.parse(values), reporter)
    assert sum(result.splits.values()) == 1
    assert "kept out 1 rows (1 duplicate-document)" in result.describe()
    assert str(tmp_path / "out") in result.describe()


@pytest.mark.parametrize("pages", ["stored", "on-the-fly"])
@pytest.mark.parametrize("augmentation", [None, {"rotation_degrees": 3.0}], ids=["plain", "augmented"])
def test_training_finds_every_page_that_was_encoded_ahead_and_loads_no_encoder(
    config, encode, reporter, monkeypatch, pages, augmentation
):
    encode = {**encode, "cache": {**encode["cache"], "variants": 2 if augmentation else 1}}
    values = {"encode": {**encode, "augmentation": augmentation}, "pages": pages}
    result = run(config.override(values), reporter)
    assert set(result.splits) == {"train", "validation"}
    expected = result.splits["train"] * (2 if augmentation else 1) + result.splits["validation"]
    assert f"encoded {expected} documents for tiny now, {expected} in all" in result.describe()

    def refuse(*_args, **_keywords):
        raise AssertionError("the encoder is used")

    monkeypatch.setattr(encoding, "_Encoder", refuse)
    train.run(training(config, encode, augmentation=augmentation, num_epochs=2, max_steps=None), reporter)
    assert not any("encoded the pages" in message for message in reporter.messages)


def test_a_second_run_encodes_nothing_and_a_finished_dataset_can_be_encoded_later(config, encode, reporter):
    splits = run(config, reporter).splits
    ahead = config.override({"encode": encode})
    total = sum(splits.values())
    assert f"encoded {total} documents for tiny now" in run(ahead, reporter).describe()
    assert f"encoded 0 documents for tiny now, {total} in all" in run(ahead, reporter).describe()
    other = config.override({"encode": {**encode, "seed": 1}})
    assert f"encoded {total} documents for tiny now, {total} in all" in run(other, reporter).describe()


def test_only_the_splits_that_are_named_are_read(config, encode, reporter):
    result = run(config.override({"encode": {**encode, "splits": ["validation", "test"]}}), reporter)
    assert f"encoded {result.splits['validation']} documents" in result.describe()
    with pytest.raises(InputError, match="none of the splits trian to encode; it has train, validation"):
        run(config.override({"encode": {**encode, "splits": ["trian"]}}), reporter)


def test_work_that_is_stopped_through_its_reporter_keeps_what_it_has_encoded(config, encode, reporter, monkeypatch):
    splits = run(config, reporter).splits
    monkeypatch.setattr(encoding, "TELL_SECONDS", 0.0)

    class Stopping(type(reporter)):
        def progress(self, progress):
            if progress.message == "encoding pages" and progress.done == 3:
                raise Paused("stopped after 3")

    with pytest.raises(Paused):
        run(config.override({"encode": encode}), Stopping())
    result = run(config.override({"encode": encode}), reporter)
    assert f"encoded {sum(splits.values()) - 3} documents" in result.describe()


def test_a_model_that_is_not_there_is_named(config, encode, reporter, tmp_path):
    with pytest.raises(ModelError, match="nowhere"):
        run(config.override({"encode": {**encode, "model": str(tmp_path / "nowhere")}}), reporter)
    with pytest.raises(SettingsError, match=r"encode\.modle: unknown setting; did you mean 'model'"):
        config.override({"encode": {"modle": "tiny"}})


@pytest.mark.slow
def test_killed_while_it_encodes_it_goes_on_and_gives_the_same_tokens(config, encode, tmp_path):
    flags = {
        "--out": config.out, "--rendering.mode": "nano-128", "--split.validation": 0.3, "--split.test": 0,
        "--cleaning.near-duplicates": "keep", "--cleaning.leaks": "keep", "--encode.model": "nano",
        "--encode.cache.folder": tmp_path / "cache", "--encode.cache.precision": "float32",
    }  # fmt: skip
    command = [sys.executable, "-m", "deepsynth", "prepare", config.source]
    command += [str(part) for pair in flags.items() for part in pair]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while not list((tmp_path / "cache").rglob("encoder.safetensors")) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode in (0, 75), told
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "12 in all" in done.stdout.replace("\n", " "), done.stdout
