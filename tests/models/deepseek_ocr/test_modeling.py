"""Version 1 against numbers recorded from the official code (tests/assets/deepseek_ocr_v1_tiny/README.md)."""

from __future__ import annotations

import pytest
import torch

from deepsynth.models import load_model

TOLERANCE = 1e-4


def test_logits_equal_those_of_the_official_code_for_mixed_tile_counts(loaded_v1, golden_v1):
    output = loaded_v1.family.forward(loaded_v1.model.eval(), golden_v1.batch(), with_logits=True)
    real = golden_v1.inputs["attention_mask"].bool()
    torch.testing.assert_close(output.logits[real], golden_v1.outputs["logits"][real], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("sample", [0, 1, 2])
def test_a_sample_alone_has_the_logits_it_has_in_a_batch(loaded_v1, golden_v1, sample):
    expected = golden_v1.outputs[f"single_logits.{sample}"]
    batch = golden_v1.batch(sample)
    cut = {
        name: batch[name][:, : len(expected)] for name in ("input_ids", "attention_mask", "labels", "image_token_mask")
    }
    output = loaded_v1.family.forward(loaded_v1.model.eval(), {**batch, **cut}, with_logits=True)
    torch.testing.assert_close(output.logits[0], expected, atol=TOLERANCE, rtol=0)


def test_the_mean_loss_equals_the_official_one(loaded_v1, golden_v1):
    output = loaded_v1.family.forward(loaded_v1.model.eval(), golden_v1.batch(), reduction="mean")
    assert output.loss.item() == pytest.approx(golden_v1.outputs["loss"].item(), abs=1e-5)


def test_the_summed_loss_is_the_mean_times_the_label_tokens(loaded_v1, golden_v1):
    output = loaded_v1.family.forward(loaded_v1.model.eval(), golden_v1.batch())
    assert output.num_label_tokens == int((golden_v1.inputs["labels"][:, 1:] != -100).sum())
    assert output.loss.item() / output.num_label_tokens == pytest.approx(golden_v1.outputs["loss"].item(), abs=1e-5)


def test_encoder_stages_equal_the_official_ones(loaded_v1, golden_v1):
    tower = loaded_v1.model.eval().model.vision_tower
    for name, expected in golden_v1.outputs.items():
        stage, *place = name.split(".")
        if stage not in ("sam", "clip", "projected"):
            continue
        pixels = golden_v1.inputs[f"pixel_values_{place[1]}.{place[0]}"]
        sam = tower.sam_encoder(pixels).last_hidden_state
        clip = tower.vision_encoder(sam).last_hidden_state
        joined = torch.cat([clip[:, 1:], sam.flatten(2).transpose(1, 2)], dim=-1)
        found = {"sam": sam, "clip": clip, "projected": loaded_v1.model.model.multi_modal_projector(joined)}[stage]
        torch.testing.assert_close(
            found, expected, atol=TOLERANCE, rtol=0, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_visual_tokens_stand_in_the_prompt_in_the_official_order(loaded_v1, golden_v1):
    batch = golden_v1.batch()
    pages = loaded_v1.family.encode_pages(loaded_v1.model.eval(), batch["global_views"], batch["tiles"], batch["grids"])
    for row, page in enumerate(pages):
        merged = golden_v1.outputs["hidden_states.0"][row][batch["image_token_mask"][row]]
        torch.testing.assert_close(page, merged, atol=TOLERANCE, rtol=0)


def test_visual_tokens_equal_those_of_the_stock_class_bit_for_bit(loaded_v1, golden_v1):
    batch = golden_v1.batch()
    counts = [0 if grid == (1, 1) else grid[0] * grid[1] for grid in batch["grids"]]
    model = loaded_v1.model.eval()
    stock = model.get_image_features(batch["global_views"], batch["tiles"], counts, [list(g) for g in batch["grids"]])
    own = loaded_v1.family.encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    for page, expected in zip(own, stock.pooler_output, strict=True):
        assert torch.equal(page, expected)


def test_a_text_only_prompt_has_the_official_logits(loaded_v1, golden_v1):
    output = loaded_v1.family.forward(loaded_v1.model.eval(), golden_v1.text_only(), with_logits=True)
    torch.testing.assert_close(output.logits, golden_v1.outputs["text_only_logits"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("sample", [0, 1, 2])
def test_greedy_generation_equals_the_official_one(loaded_v1, golden_v1, sample):
    model = loaded_v1.model
    model.config.text_config.eos_token_id = None  # the recording does not stop at EOS
    found = loaded_v1.family.generate(model, golden_v1.prompt(sample), max_new_tokens=16)
    assert found[0] == golden_v1.outputs[f"greedy.{sample}"].tolist()


@pytest.mark.parametrize("kind", ["noaux", "aux"])
def test_gradients_equal_the_official_ones_with_and_without_the_balance_loss(loaded_v1, golden_v1, kind):
    model = loaded_v1.model.train()
    output = loaded_v1.family.forward(model, golden_v1.batch(), reduction="mean", with_balance_loss=kind == "aux")
    total = output.loss if output.balance_loss is None else output.loss + 0.001 * output.balance_loss
    total.backward()
    names = [name for name in golden_v1.outputs if name.startswith(f"grad.{kind}.")]
    assert len(names) == 9
    for name in names:
        expected = golden_v1.outputs[name]
        found = golden_v1.gradient(model, name.removeprefix(f"grad.{kind}."))
        torch.testing.assert_close(found, expected, atol=2e-6, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


@torch.no_grad()
def test_bfloat16_logits_differ_from_the_official_ones_by_its_own_rounding(golden_v1):
    """Official code in bfloat16 has an rms error of 0.018 against itself in float32, where logits have an rms of 1.1."""
    loaded = load_model(golden_v1.folder, dtype=torch.bfloat16)
    output = loaded.family.forward(loaded.model.eval(), golden_v1.batch(), with_logits=True, reduction="mean")
    real = golden_v1.inputs["attention_mask"].bool()
    error = (output.logits[real].float() - golden_v1.outputs["logits"][real]).square().mean().sqrt()
    assert error < 0.03
    assert output.loss.item() == pytest.approx(golden_v1.outputs["loss"].item(), rel=0.01)


def test_loading_in_bfloat16_leaves_the_angles_of_positions_in_float32(golden_v1):
    """A plain `.to(bfloat16)` would round them, and with them every position."""
    model = load_model(golden_v1.folder, dtype=torch.bfloat16).model
    assert model.lm_head.weight.dtype == torch.bfloat16
    assert model.model.language_model.rotary_emb.inv_freq.dtype == torch.float32
