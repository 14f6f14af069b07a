"""Version 2 against numbers recorded from the official code (tests/assets/deepseek_ocr_v2_tiny/README.md)."""

from __future__ import annotations

import pytest
import torch

from deepsynth.models import load_model

TOLERANCE = 1e-4


def test_logits_equal_those_of_the_official_code_for_mixed_tile_counts(loaded_v2, golden_v2):
    output = loaded_v2.family.forward(loaded_v2.model.eval(), golden_v2.batch(), with_logits=True)
    real = golden_v2.inputs["attention_mask"].bool()
    torch.testing.assert_close(output.logits[real], golden_v2.outputs["logits"][real], atol=TOLERANCE, rtol=0)


def test_the_mean_loss_equals_the_official_one(loaded_v2, golden_v2):
    output = loaded_v2.family.forward(loaded_v2.model.eval(), golden_v2.batch(), reduction="mean")
    assert output.loss.item() == pytest.approx(golden_v2.outputs["loss"].item(), abs=1e-5)


@torch.no_grad()
def test_encoder_stages_equal_the_official_ones(loaded_v2, golden_v2):
    core = loaded_v2.model.eval().model
    names = [name for name in golden_v2.outputs if name.split(".")[0] in ("sam", "projected")]
    assert len(names) == 10
    for name in names:
        stage, sample, view = name.split(".")
        pixels = golden_v2.inputs[f"pixel_values_{view}.{sample}"]
        if stage == "sam":
            found = core.vision_tower.sam_encoder(pixels).last_hidden_state
        else:
            found = core.multi_modal_projector(core.vision_tower(pixels).last_hidden_state)
        torch.testing.assert_close(found, golden_v2.outputs[name], atol=TOLERANCE, rtol=0, msg=name)


@torch.no_grad()
def test_visual_tokens_equal_those_of_the_stock_class_bit_for_bit(loaded_v2, golden_v2):
    batch = golden_v2.batch()
    counts = [0 if grid == (1, 1) else grid[0] * grid[1] for grid in batch["grids"]]
    model = loaded_v2.model.eval()
    stock = model.get_image_features(batch["global_views"], batch["tiles"], counts)
    own = loaded_v2.family.encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    for page, expected in zip(own, stock.pooler_output, strict=True):
        assert torch.equal(page, expected)


def test_a_text_only_prompt_has_the_official_logits(loaded_v2, golden_v2):
    output = loaded_v2.family.forward(loaded_v2.model.eval(), golden_v2.text_only(), with_logits=True)
    torch.testing.assert_close(output.logits, golden_v2.outputs["text_only_logits"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("sample", [0, 1, 2])
def test_greedy_generation_equals_the_official_one(loaded_v2, golden_v2, sample):
    model = loaded_v2.model
    model.config.text_config.eos_token_id = None  # the recording does not stop at EOS
    found = loaded_v2.family.generate(model, golden_v2.prompt(sample), max_new_tokens=16)
    assert found[0] == golden_v2.outputs[f"greedy.{sample}"].tolist()


@pytest.mark.parametrize("kind", ["noaux", "aux"])
def test_gradients_equal_the_official_ones_with_and_without_the_balance_loss(loaded_v2, golden_v2, kind):
    model = loaded_v2.model.train()
    output = loaded_v2.family.forward(model, golden_v2.batch(), reduction="mean", with_balance_loss=kind == "aux")
    total = output.loss if output.balance_loss is None else output.loss + 0.001 * output.balance_loss
    total.backward()
    names = [name for name in golden_v2.outputs if name.startswith(f"grad.{kind}.")]
    assert len(names) == 9
    for name in names:
        found = golden_v2.gradient(model, name.removeprefix(f"grad.{kind}."))
        torch.testing.assert_close(found, golden_v2.outputs[name], atol=2e-6, rtol=0, msg=name)


@torch.no_grad()
def test_bfloat16_logits_differ_from_the_official_ones_by_its_own_rounding(golden_v2):
    """Official code in bfloat16 has an rms error of 0.018 against itself in float32, where logits have an rms of 1.1."""
    loaded = load_model(golden_v2.folder, dtype=torch.bfloat16)
    output = loaded.family.forward(
        loaded.model.eval(), golden_v2.batch(1), with_logits=True
    )  # one view: tiles take long
    real = golden_v2.inputs["attention_mask"][1].bool()
    error = (output.logits[0][real].float() - golden_v2.outputs["logits"][1][real]).square().mean().sqrt()
    assert error < 0.03


def test_loading_in_bfloat16_leaves_the_angles_of_positions_in_float32(golden_v2):
    """A plain `.to(bfloat16)` would round them, and with them every position."""
    model = load_model(golden_v2.folder, dtype=torch.bfloat16).model
    assert model.lm_head.weight.dtype == torch.bfloat16
    assert model.model.language_model.rotary_emb.inv_freq.dtype == torch.float32
