from __future__ import annotations

import pytest
import torch
from torch import nn

from deepsynth.core.errors import TrainingError
from deepsynth.training.config import TrainerConfig
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.updating import Updater


def made(values, dtype=torch.float32):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)).to(dtype)
    config = TrainerConfig.parse({"optimizer": {"learning_rate": 1e-5, "weight_decay": 0.0}, **values})
    return model, Updater(model, {"dense": list(model)}, config, torch.device("cpu"))


def steps(model, updater, count):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        x = torch.randn(8, 4, generator=generator)
        with updater.autocast():
            loss = (model(x.to(model[0].weight.dtype)) - 1).square().mean()
        updater.backward(loss)
        updater.clip(10.0)
        updater.step()


def test_float32_copies_take_in_steps_that_bfloat16_would_lose():
    model, updater = made({"weights": "bfloat16"}, torch.bfloat16)
    before = {name: value.detach().clone() for name, value in updater.masters.items()}
    steps(model, updater, 3)
    moved = [name for name, value in updater.masters.items() if not torch.equal(value, before[name])]
    assert moved == list(before)
    for name, value in model.named_parameters():
        assert value.dtype == torch.bfloat16
        assert torch.equal(value, updater.masters[name].to(torch.bfloat16))
        assert value.grad is None


@pytest.mark.parametrize("values", [{}, {"weights": "bfloat16"}, {"mixed_precision": "fp16"}])
def test_a_run_goes_on_from_what_was_kept(values):
    dtype = torch.bfloat16 if "weights" in values else torch.float32
    whole, updater = made(values, dtype)
    steps(whole, updater, 3)
    kept, scale = updater.tensors(), updater.scale_state()
    kept = {file: {name: value.clone() for name, value in tensors.items()} for file, tensors in kept.items()}
    other, again = made(values, dtype)
    other.load_state_dict(whole.state_dict())
    again.load(kept, scale)
    for model, item in ((whole, updater), (other, again)):
        steps(model, item, 2)
    assert all(torch.equal(one, two) for one, two in zip(whole.parameters(), other.parameters(), strict=True))
    assert ("masters" in kept) == ("weights" in values)
    assert (scale is None) == ("mixed_precision" not in values)


def test_gradients_that_overflow_in_float16_are_left_out_and_the_scale_falls():
    model, updater = made({"mixed_precision": "fp16"})
    before = [value.detach().clone() for value in model.parameters()]
    scale = updater.scale_state()["scale"]
    updater.backward(model(torch.full((1, 4), 1.0)).sum() * float("inf"))
    assert not torch.isfinite(torch.tensor(updater.clip(1.0)))
    assert updater.may_skip()
    updater.step()
    assert updater.scale_state()["scale"] == scale / 2
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))


def test_without_a_scale_nothing_may_be_left_out():
    assert not made({})[1].may_skip()


@pytest.mark.parametrize("values", [{"mixed_precision": "fp16"}, {"weights": "bfloat16"}])
def test_a_run_in_fewer_bits_learns_too(config, rows, values):
    trainer = DeepSynthProductionTrainer(config.override({"max_steps": 20, **values}))
    trainer.train(rows)
    assert sum(trainer.losses[-3:]) < 0.9 * sum(trainer.losses[:3])


def test_a_loss_that_is_no_number_stops_a_run_in_float16_too(config, rows):
    trainer = DeepSynthProductionTrainer(config.override({"mixed_precision": "fp16"}))
    with torch.no_grad():
        trainer.loaded.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 1: the loss is nan"):
        trainer.train(rows)
