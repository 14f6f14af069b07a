"""Routed experts in 4 bits: what they compute, what they keep, and where they are refused."""

from __future__ import annotations

import gc
import importlib.util
import weakref

import pytest
import torch
from transformers import BitsAndBytesConfig

from deepsynth.core.errors import MissingExtraError, ModelError, SettingsError
from deepsynth.models import families, save_model
from deepsynth.models.comparing import probe_batch, probe_logits
from deepsynth.models.four_bit import BITS, STACKS, FourBitExperts, check_available, packed_experts, quantize_experts

pytest.importorskip("bitsandbytes")

IMPLEMENTATIONS = ["eager", "grouped_mm", "batched_mm"]


def build(name="deepseek_ocr", *, dtype=torch.float32, implementation="eager"):
    loaded = families.get(name).build("tiny", seed=1, dtype=dtype)
    loaded.model.model.language_model.set_experts_implementation(implementation)
    return loaded


def packed_and_unpacked(**settings):
    """A model with packed experts, and the same model with what the packed experts stand for."""
    packed, plain = build(**settings), build(**settings)
    quantize_experts(packed.model)
    for experts, layer in zip(packed_experts([packed.model]), sparse_layers(plain.model), strict=True):
        for stack in STACKS:
            getattr(layer.mlp.experts, stack).data = experts.unpack(stack)
    return packed, plain


def sparse_layers(model):
    return [layer for layer in model.model.language_model.layers if hasattr(layer.mlp, "experts")]


def gradients(loaded):
    batch = probe_batch(loaded)
    loaded.model.train()
    loaded.family.forward(loaded.model, {**batch, "labels": batch["input_ids"]}).loss.backward()
    return {name: value.grad for name, value in loaded.model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_logits_and_gradients_are_those_of_the_unpacked_weights(implementation, dtype):
    packed, plain = packed_and_unpacked(implementation=implementation, dtype=dtype)
    assert torch.equal(probe_logits(packed), probe_logits(plain))
    for loaded in (packed, plain):
        for layer in sparse_layers(loaded.model):
            layer.mlp.experts.requires_grad_(False)
    found, expected = gradients(packed), gradients(plain)
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


@pytest.mark.parametrize("name", families.names())
def test_both_families_stay_near_their_own_logits(name):
    loaded = build(name)
    before = probe_logits(loaded)
    quantize_experts(loaded.model)
    difference = (probe_logits(loaded) - before).abs().max()
    assert 0 < difference < 0.1 * before.abs().max()


def test_activation_checkpointing_gives_the_same_gradients():
    one, other = build(), build()
    for loaded in (one, other):
        quantize_experts(loaded.model)
    other.model.activation_checkpointing_enable({"use_reentrant": False})
    expected = gradients(one)
    assert all(torch.equal(value, expected[name]) for name, value in gradients(other).items())


@pytest.mark.parametrize("implementation", ["eager", "grouped_mm"])
def test_no_unpacked_weight_waits_for_the_backward_pass(implementation, monkeypatch):
    loaded = build(implementation=implementation)
    quantize_experts(loaded.model)
    made, unpack = [], FourBitExperts.unpack

    def watched(self, stack):
        weight = unpack(self, stack)
        made.append(weakref.ref(weight.untyped_storage()))
        return weight

    monkeypatch.setattr(FourBitExperts, "unpack", watched)
    batch = probe_batch(loaded)
    loss = loaded.family.forward(loaded.model.train(), {**batch, "labels": batch["input_ids"]}).loss
    gc.collect()
    forward = len(made)
    assert forward == 2  # one layer, two stacks, each once
    assert [reference() for reference in made] == [None] * forward
    loss.backward()
    assert len(made) > forward


def test_the_measured_size_is_the_stated_one():
    loaded = families.get("deepseek_ocr").build("nano")
    before = sum(value.numel() for layer in sparse_layers(loaded.model) for value in layer.mlp.experts.parameters())
    assert quantize_experts(loaded.model) == before
    held = sum(
        buffer.nbytes
        for experts in packed_experts([loaded.model])
        for name, buffer in experts.named_buffers()
        if not name.endswith("code")  # two tables of a kilobyte, whatever the size
    )
    assert held * 8 / before == pytest.approx(BITS, rel=0.01)


def test_the_stock_way_leaves_the_routed_experts_as_they_are():
    """Loading "in 4 bits" replaces linear layers; fused experts are none, and they are most of the model."""
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear

    with torch.device("meta"):
        loaded = families.get("deepseek_ocr").build("full")
        model = replace_with_bnb_linear(loaded.model, ["lm_head"], BitsAndBytesConfig(load_in_4bit=True))
    replaced = {name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"}
    left = sum(value.numel() for layer in sparse_layers(model) for value in layer.mlp.experts.parameters())
    assert any("self_attn.q_proj" in name for name in replaced)
    assert left == 2_422_210_560


def test_scales_keep_their_dtype_when_the_model_is_cast():
    loaded = build()
    quantize_experts(loaded.model)
    experts = packed_experts([loaded.model])[0]
    before = experts.unpack("down_proj")
    experts.to(torch.bfloat16)
    assert torch.equal(experts.unpack("down_proj"), before)


def test_packed_weights_are_not_written_as_weights(tmp_path):
    loaded = build()
    quantize_experts(loaded.model)
    with pytest.raises(ModelError, match="4 bits cannot be written"):
        save_model(loaded, tmp_path)


def test_a_device_without_kernels_is_refused_in_one_line():
    with pytest.raises(SettingsError, match="on cpu, cuda, xpu, not on mps") as caught:
        check_available("mps")
    assert caught.value.field == "lora.quantize_experts"


def test_without_bitsandbytes_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"bitsandbytes is not installed.*deepsynth\[gpu\]"):
        quantize_experts(build().model)


def test_a_model_without_routed_experts_is_refused(monkeypatch):
    loaded = build()
    for layer in sparse_layers(loaded.model):
        del layer.mlp.experts
    with pytest.raises(ModelError, match="no routed experts"):
        quantize_experts(loaded.model)
