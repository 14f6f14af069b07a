"""Merging: in float32, every adapter once, none left."""

import pytest
import torch

from deepsynth.core.errors import ModelError
from deepsynth.models import families
from deepsynth.models.comparing import probe_logits
from deepsynth.training.config import LoraConfig
from deepsynth.training.merging import check_each_used_once, merge_adapters
from deepsynth.training.tuning import inject_adapters

TARGETS = ["attention", "attention+shared", "attention+experts", "all-linear"]


def adapted(name="deepseek_ocr", targets="all-linear", dtype=torch.float32, size=0.1):
    loaded = families.get(name).build("tiny", seed=3, dtype=dtype)
    inject_adapters(loaded, LoraConfig(targets=targets, rank=4, alpha=8))
    generator = torch.Generator().manual_seed(0)
    for key, parameter in loaded.model.named_parameters():
        if "lora_B" in key:
            parameter.data = (torch.randn(parameter.shape, generator=generator) * size).to(parameter.dtype)
    return loaded


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("name", families.names())
def test_merged_logits_are_those_of_the_adapted_model(name, targets):
    loaded = adapted(name, targets)
    plain = probe_logits(families.get(name).build("tiny", seed=3))
    before = probe_logits(loaded)
    assert (before - plain).abs().max() > 1e-2, "the adapters must change something for this test to say anything"
    after = probe_logits(merge_adapters(loaded))
    torch.testing.assert_close(after, before, atol=1e-5, rtol=0)
    names = [key for key, _ in loaded.model.named_modules()]
    assert not [key for key in names if "lora" in key or "base_layer" in key]


def test_in_bfloat16_the_sum_is_made_in_float32_and_rounded_once():
    loaded = adapted(targets="attention", dtype=torch.bfloat16, size=1e-3)
    path = "model.language_model.layers.0.self_attn.q_proj"
    layer = loaded.model.get_submodule(path)
    down, up = (getattr(layer, side)["default"].weight.float() for side in ("lora_A", "lora_B"))
    exact = layer.base_layer.weight.float() + 2.0 * (up @ down)
    merge_adapters(loaded)
    assert torch.equal(loaded.model.get_submodule(path).weight, exact.bfloat16())


def test_an_adapter_that_was_left_out_or_used_twice_is_named():
    check_each_used_once(["a", "b"], ["b", "a"])
    with pytest.raises(ModelError, match=r"a \(0 times\)"):
        check_each_used_once(["a", "b"], ["b"])
    with pytest.raises(ModelError, match=r"b \(2 times\)"):
        check_each_used_once(["a", "b"], ["a", "b", "b"])
    with pytest.raises(ModelError, match=r"c \(1 times\)"):
        check_each_used_once(["a"], ["a", "c"])


def test_an_adapter_in_a_layer_that_merging_does_not_know_is_an_error():
    loaded = adapted(targets="attention")
    loaded.model.lm_head.lora_A = torch.nn.ModuleDict({"default": torch.nn.Linear(2, 2)})
    with pytest.raises(ModelError, match=r"lm_head\.lora_A"):
        merge_adapters(loaded)


def test_every_weight_learns_again_after_merging():
    loaded = merge_adapters(adapted())
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())
