import errno
import json
import os
import random
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from deepsynth.core.control import Control
from deepsynth.core.errors import CheckpointError, InputError, Paused, StorageError, TrainingError
from deepsynth.models import load_model
from deepsynth.training.checkpoint import checkpoints, newest_checkpoint
from deepsynth.training.production_trainer import DeepSynthProductionTrainer


class PauseAt(Control):
    """Asks for a pause before a given step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.left = step

    def should_pause(self) -> bool:
        self.left -= 1
        return self.left < 0


class PauseAtStep(Control):
    """Asks for a pause when a run stands at a given step, however often it is asked before."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step
        self.trainer = None

    def should_pause(self) -> bool:
        return self.trainer.state.step >= self.step


def weights(trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.loaded.model.state_dict().items()}


def same(one, two) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_loss_falls_the_encoder_stays_and_the_decoder_moves(config, rows):
    trainer = DeepSynthProductionTrainer(config.override({"max_steps": 30}))
    before = weights(trainer)
    trainer.train(rows)
    after = weights(trainer)
    assert sum(trainer.losses[-3:]) < 0.8 * sum(trainer.losses[:3])
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any("vision_tower" in name for name in moved)
    assert any("language_model" in name for name in moved)
    assert "lm_head.weight" in moved


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": {"name": "muon"}, "gradient_accumulation_steps": 2},
        {"freeze": [], "optimizer": {"name": "muon"}, "mixed_precision": "bf16"},
        {"data": {"num_workers": 1}},
        {"lora": {"dropout": 0.1}, "gradient_accumulation_steps": 2},
        {"ema_decay": 0.5, "augmentation": {}, "gradient_checkpointing": True},
        {"batching": "packed", "gradient_accumulation_steps": 2, "balance_loss": 0.1},
        {"batching": "bucketed", "weights": "bfloat16", "batch_size": 2},
        {"mixed_precision": "fp16", "optimizer": {"name": "muon"}},
        {"cache": {"precision": "int8"}, "batching": "packed"},
        {"cache": {"features": "projected"}, "lora": {}, "gradient_accumulation_steps": 2},
    ],
    ids=[
        *("adamw", "muon-accumulated", "encoder-learns-bf16", "worker", "lora-accumulated", "averaged-augmented"),
        *("packed", "bucketed-bfloat16", "float16-muon", "cached-packed", "cached-lora"),
    ],
)
@pytest.mark.parametrize("stop", random.Random(7).sample(range(1, 6), 2))
def test_a_run_stopped_anywhere_and_resumed_equals_an_unbroken_one(config, rows, tmp_path, settings, stop):
    check_resumed_equals_unbroken(config, rows, tmp_path, settings, stop)


@pytest.mark.slow
@pytest.mark.parametrize("cache", [None, {"precision": "bfloat16"}], ids=["pages", "cached"])
@pytest.mark.parametrize("lora", [None, {"dropout": 0.1}], ids=["full", "lora"])
def test_resuming_is_exact_with_workers_and_accumulation_together(config, rows, tmp_path, lora, cache):
    """Each way stops at a step of its own, most of them within an epoch."""
    stop = random.Random(str((lora, cache))).randrange(1, 6)
    settings = {"data": {"num_workers": 2}, "gradient_accumulation_steps": 2, "batch_size": 1, "lora": lora}
    settings |= {} if cache is None else {"cache": cache}
    check_resumed_equals_unbroken(config, rows, tmp_path, settings, stop)


def test_resuming_is_exact_with_8_bit_moments(config, rows, tmp_path):
    """On nano: bitsandbytes keeps the moments of small tensors, and so all of tiny's, in float32."""
    pytest.importorskip("bitsandbytes")
    settings = {"model": "nano", "optimizer": {"name": "adamw8bit"}, "batch_size": 2}
    trainer = check_resumed_equals_unbroken(config, rows, tmp_path, settings, 4)
    assert trainer.losses[-1] < trainer.losses[0]
    kept = load_file(tmp_path / "broken" / "checkpoint-6" / "optimizer-0.safetensors")
    in_bytes = sum(value.numel() for name, value in kept.items() if value.dtype == torch.uint8)
    assert in_bytes > 2 * 0.9 * sum(value.numel() for value in trainer.updater.learning.values())


def check_resumed_equals_unbroken(config, rows, tmp_path, settings, stop):
    """Compare losses, weights, averages and lines of metrics bit for bit; return the unbroken run's trainer."""
    settings = {"log_interval": 4, **settings}
    if "cache" in settings:
        settings = {**settings, "cache": {**settings["cache"], "folder": tmp_path / "cache"}}
    whole = DeepSynthProductionTrainer(config.override({**settings, "output_dir": tmp_path / "whole"}))
    whole.train(rows)
    broken = config.override({**settings, "output_dir": tmp_path / "broken"})
    first = DeepSynthProductionTrainer(broken, control=PauseAtStep(stop))
    first._control.trainer = first
    with pytest.raises(Paused, match=f"paused after step {stop}"):
        first.train(rows)
    second = DeepSynthProductionTrainer(broken)
    second.train(rows)
    assert first.losses + second.losses == whole.losses
    assert same(weights(second), weights(whole))
    if whole.average:
        assert same(second.average.tensors, whole.average.tensors)
    lines = [json.loads((tmp_path / run / "metrics.jsonl").read_text().splitlines()[0]) for run in ("whole", "broken")]
    assert [line["step"] for line in lines] == [4, 4]
    assert lines[0]["loss"] == lines[1]["loss"]  # a mean over steps on both sides of the pause
    return whole


def test_accumulated_batches_equal_one_large_batch(config, rows, tmp_path):
    values = {"max_steps": 2, "optimizer": {"schedule": "constant"}}
    large = DeepSynthProductionTrainer(config.override({**values, "batch_size": 8, "output_dir": tmp_path / "large"}))
    small = DeepSynthProductionTrainer(
        config.override({**values, "gradient_accumulation_steps": 4, "batch_size": 2, "output_dir": tmp_path / "small"})
    )
    large.train(rows)
    small.train(rows)
    assert large.losses == pytest.approx(small.losses, rel=1e-4)


def test_a_checkpoint_is_a_model_folder(config, rows):
    trainer = DeepSynthProductionTrainer(config)
    trainer.train(rows)
    newest = newest_checkpoint(config.output_dir)
    assert newest is not None
    loaded = load_model(newest.folder)
    assert same(dict(loaded.model.state_dict()), weights(trainer))
    assert loaded.tokenizer is not None


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(config, rows, caplog):
    DeepSynthProductionTrainer(config.override({"save_interval": 3})).train(rows)
    newest = checkpoints(config.output_dir)[-1]
    (newest / "model.safetensors").write_bytes(b"broken")
    found = newest_checkpoint(config.output_dir)
    assert found is not None
    assert found.folder.name == "checkpoint-3"
    assert "model.safetensors is damaged" in caplog.text


def test_a_full_disk_leaves_the_checkpoint_before_whole(config, rows, monkeypatch):
    trainer = DeepSynthProductionTrainer(config.override({"save_interval": 3}))
    saved = trainer.save_checkpoint

    def save(step: int):
        if step == 6:
            monkeypatch.setattr(os, "fsync", no_space)
        return saved(step)

    def no_space(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(trainer, "save_checkpoint", save)
    with pytest.raises(StorageError, match="the disk is full"):
        trainer.train(rows)
    monkeypatch.undo()
    assert [path.name for path in config.output_dir.glob("checkpoint-*")] == ["checkpoint-3"]
    assert newest_checkpoint(config.output_dir) is not None


def test_only_the_newest_checkpoints_are_kept(config, rows):
    DeepSynthProductionTrainer(config.override({"save_interval": 1, "keep_checkpoints": 2})).train(rows)
    assert [path.name for path in checkpoints(config.output_dir)] == ["checkpoint-5", "checkpoint-6"]


def test_the_best_checkpoint_outlives_newer_ones(config, rows):
    values = {"eval_interval": 2, "keep_checkpoints": 1, "optimizer": {"learning_rate": 0.9, "schedule": "constant"}}
    trainer = DeepSynthProductionTrainer(config.override(values))
    state = trainer.train(rows, rows)
    kept = {path.name for path in checkpoints(config.output_dir)}
    assert f"checkpoint-{state.best_step}" in kept
    assert "checkpoint-6" in kept


def test_other_settings_do_not_resume_a_run(config, rows):
    DeepSynthProductionTrainer(config).train(rows)
    with pytest.raises(CheckpointError, match=r"other settings \(batch_size\)"):
        DeepSynthProductionTrainer(config.override({"batch_size": 2})).train(rows)


@pytest.mark.parametrize(("factor", "shown"), [(float("nan"), "nan"), (1e9, r"\d+e?[\d.+]*")], ids=["nan", "explodes"])
def test_a_loss_out_of_bounds_names_rows_and_the_last_good_checkpoint(config, rows, factor, shown):
    trainer = DeepSynthProductionTrainer(config.override({"save_interval": 1}))
    forward = trainer._stepper.forward

    def broken(batch, **keywords):
        output = forward(batch, **keywords)
        return replace(output, loss=output.loss * (factor if trainer.state.step == 2 else 1.0))

    trainer._stepper.forward = broken
    with pytest.raises(TrainingError, match=rf"step 3: the loss is {shown} on rows row-\d.*checkpoint-2"):
        trainer.train(rows)


def test_a_gradient_that_is_no_number_stops_before_the_weights(config, rows, monkeypatch):
    trainer = DeepSynthProductionTrainer(config)
    before = weights(trainer)
    monkeypatch.setattr(trainer.updater, "clip", lambda *_: float("inf"))
    with pytest.raises(TrainingError, match="step 1: the gradient is inf on rows row-"):
        trainer.train(rows)
    assert same(weights(trainer), before)


def test_a_failing_batch_stops_the_run_and_names_its_rows(config, rows, monkeypatch):
    trainer = DeepSynthProductionTrainer(config)
    trainer.train(rows)

    def fail(*_args, **_kwargs):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(trainer.loaded.family, "forward", fail)
    with pytest.raises(TrainingError, match=r"rows row-\d, .* failed: shapes differ"):
        trainer.training_step(trainer.collator([rows[0], rows[1]]))


def test_pages_that_do_not_reach_the_decoder_are_noticed(config, rows, monkeypatch):
    trainer = DeepSynthProductionTrainer(config)
    monkeypatch.setattr(trainer, "training_step", lambda _batch: torch.tensor(1.0))
    with pytest.raises(TrainingError, match="do not reach the decoder"):
        trainer.train(rows)


def test_metrics_hold_each_logged_step_once_even_after_resuming(config, rows):
    config = config.override({"save_interval": 2})
    with pytest.raises(Paused):
        DeepSynthProductionTrainer(config, control=PauseAt(3)).train(rows)
    with (config.output_dir / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "loss": 1.0}\n{"step": 5, "lo')
    DeepSynthProductionTrainer(config).train(rows)
    lines = [json.loads(line) for line in (config.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line["samples_per_second"] > 0 and line["peak_memory_mib"] > 0 for line in lines)


def test_the_last_rate_is_the_schedules(config, rows):
    trainer = DeepSynthProductionTrainer(config.override({"optimizer": {"schedule": "linear", "learning_rate": 0.006}}))
    trainer.train(rows)
    assert trainer.updater.rate == pytest.approx(0.006 / 6)


def test_recomputing_in_the_backward_pass_changes_nothing(config, rows, tmp_path):
    plain = DeepSynthProductionTrainer(config)
    saving = DeepSynthProductionTrainer(
        config.override({"gradient_checkpointing": True, "output_dir": tmp_path / "saving"})
    )
    assert saving.loaded.model.is_activation_checkpointing
    plain.train(rows)
    saving.train(rows)
    assert plain.losses == pytest.approx(saving.losses, rel=1e-6)


def test_a_run_that_no_longer_gets_better_ends_early_and_stays_ended(config, rows):
    values = {"eval_interval": 1, "early_stopping": 2, "max_steps": 50, "optimizer": {"learning_rate": 0.9}}
    config = config.override({**values, "optimizer": {"learning_rate": 0.9, "schedule": "constant"}})
    state = DeepSynthProductionTrainer(config).train(rows, rows)
    assert state.stopped
    assert state.step < 50
    assert state.best_step == state.step - 2
    newest = newest_checkpoint(config.output_dir)
    assert newest is not None
    assert newest.folder == config.output_dir / f"checkpoint-{state.step}"
    assert DeepSynthProductionTrainer(config).train(rows, rows).step == state.step


def test_the_average_is_evaluated_and_saved_as_a_model(config, rows):
    trainer = DeepSynthProductionTrainer(config.override({"ema_decay": 0.9}))
    trainer.train(rows)
    averaged = load_model(config.output_dir / "averaged")
    values = dict(averaged.model.named_parameters())
    assert all(torch.equal(values[name], value) for name, value in trainer.average.tensors.items())
    with trainer.average.in_place():
        inside = weights(trainer)
    assert not same(inside, weights(trainer))
    measured = trainer.evaluation_loss(rows)
    trainer.average = None
    assert measured != trainer.evaluation_loss(rows)


def test_a_checkpoint_of_other_processes_is_refused(config, rows, monkeypatch):
    DeepSynthProductionTrainer(config).train(rows)
    trainer = DeepSynthProductionTrainer(config)
    monkeypatch.setattr(type(trainer.team), "processes", 2)
    with pytest.raises(CheckpointError, match="was trained by 1 processes and this run has 2"):
        trainer.train(rows)


def test_a_dataset_that_has_grown_does_not_resume_a_run(config, rows):
    DeepSynthProductionTrainer(config).train(rows)
    with pytest.raises(CheckpointError, match="was trained on 8 examples and there are 9 now"):
        DeepSynthProductionTrainer(config).train(type(rows)(9))


def test_the_loop_stops_when_a_row_cannot_be_read(config, rows):
    class Broken(type(rows)):
        def __getitem__(self, index):
            raise InputError(f"row-{index} is broken")

    with pytest.raises(InputError, match=r"row-\d is broken"):
        DeepSynthProductionTrainer(config).train(Broken())


def test_a_prompt_beyond_the_models_window_is_an_error_that_names_the_row(config, rows):
    trainer = DeepSynthProductionTrainer(config)
    long = replace(rows[0], pages=rows[0].pages * 300)
    with pytest.raises(InputError, match=r"row-0.*leaves no room in max_length 4096"):
        trainer.collator([long])
