import json
import random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from deepsynth.models import families
from deepsynth.training.checkpoint import (
    TrainState,
    checkpoints,
    load_state,
    newest_checkpoint,
    remove_old,
    save_checkpoint,
)
from deepsynth.training.config import TrainerConfig
from deepsynth.training.updating import Updater


def made(name: str = "adamw"):
    """Return a tiny model and optimizers that have taken one step."""
    loaded = families.get("deepseek_ocr").build("tiny")
    config = TrainerConfig.parse({"optimizer": {"name": name}})
    updater = Updater(loaded.model, loaded.family.parts(loaded.model), config, torch.device("cpu"))
    for parameter in loaded.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    updater.step()
    return loaded, updater


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_optimizers_and_place_come_back_equal(tmp_path, name):
    loaded, updater = made(name)
    state = TrainState(step=3, epoch=1, batches=2, examples=12, label_tokens=99, best_loss=0.5, best_step=2)
    save_checkpoint(tmp_path / "checkpoint-3", loaded, updater.tensors(), state, TrainerConfig())
    _, others = made(name)
    for optimizer in others.optimizers:
        for slots in optimizer.state.values():
            for value in slots.values():
                value.zero_()
    assert load_state(tmp_path / "checkpoint-3", others) == state
    for one, other in zip(updater.optimizers, others.optimizers, strict=True):
        saved, found = one.state_dict()["state"], other.state_dict()["state"]
        assert saved.keys() == found.keys()
        assert all(torch.equal(slots[key], found[index][key]) for index, slots in saved.items() for key in slots)


def test_random_states_come_back(tmp_path):
    loaded, updater = made()
    np.random.randn(1)  # leaves a second draw behind, which is part of the state
    save_checkpoint(tmp_path / "checkpoint-1", loaded, updater.tensors(), TrainState(step=1), TrainerConfig())
    before = (random.random(), float(np.random.randn()), torch.rand(1))
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    load_state(tmp_path / "checkpoint-1", updater)
    assert (random.random(), float(np.random.randn()), torch.rand(1)) == before


@pytest.mark.parametrize("missing", ["loss_scale", "tally", "rows"])
def test_a_checkpoint_from_before_something_was_kept_is_read(tmp_path, missing):
    loaded, updater = made()
    state, folder = TrainState(step=1), tmp_path / "checkpoint-1"
    save_checkpoint(folder, loaded, updater.tensors(), state, TrainerConfig())
    values = json.loads((folder / "state.json").read_text())
    del values[missing]
    (folder / "state.json").write_text(json.dumps(values))
    assert load_state(folder, updater) == state


def test_a_checkpoint_holds_no_pickle(tmp_path):
    loaded, updater = made()
    save_checkpoint(tmp_path / "checkpoint-1", loaded, updater.tensors(), TrainState(step=1), TrainerConfig())
    assert {path.suffix for path in (tmp_path / "checkpoint-1").iterdir()} == {".json", ".safetensors"}


def test_the_settings_come_back_equal(tmp_path):
    loaded, updater = made()
    config = TrainerConfig(output_dir=tmp_path, batch_size=3, freeze=("sam",))
    save_checkpoint(tmp_path / "checkpoint-1", loaded, updater.tensors(), TrainState(step=1), config)
    assert TrainerConfig.load(tmp_path / "checkpoint-1" / "trainer.json") == config


def test_checkpoints_are_in_order_of_steps_and_old_ones_go(tmp_path):
    for step in (2, 10, 9, 1):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-old").mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == [f"checkpoint-{step}" for step in (1, 2, 9, 10)]
    remove_old(tmp_path, 1, best_step=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-10"]


def test_an_unfinished_checkpoint_is_not_the_newest(tmp_path, caplog):
    (tmp_path / "checkpoint-7").mkdir()
    assert newest_checkpoint(tmp_path) is None
    assert "never finished" in caplog.text


def test_a_disk_that_fills_up_under_the_weights_is_one_clear_line(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    from deepsynth.core.errors import StorageError
    from deepsynth.models import build_size
    from deepsynth.training import checkpoint as module
    from deepsynth.training.config import TrainerConfig

    def full(*_args):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(StorageError, match=r"checkpoint-1: the disk is full"):
        module.save_checkpoint(
            tmp_path / "checkpoint-1", build_size("nano-untrained"), {}, module.TrainState(step=1), TrainerConfig()
        )
    assert list(tmp_path.iterdir()) == []


def test_8_bit_adamw_goes_on_from_a_checkpoint(tmp_path):
    """It keeps its step as an int and its quantized state in a mapping of its own."""
    pytest.importorskip("bitsandbytes")
    loaded, updater = made("adamw8bit")
    save_checkpoint(tmp_path / "checkpoint-1", loaded, updater.tensors(), TrainState(step=1), TrainerConfig())
    kept = load_file(tmp_path / "checkpoint-1" / "optimizer-0.safetensors")
    assert torch.uint8 in {value.dtype for value in kept.values()}
    other, again = made("adamw8bit")
    again.optimizers[0].state.clear()
    load_state(tmp_path / "checkpoint-1", again)
    for model, item in ((loaded.model, updater), (other.model, again)):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.5)
        item.step()
    for one, two in zip(loaded.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(one, two)
