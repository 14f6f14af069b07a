"""Batches that mix one-view, tiled, multi-page and text-only rows."""

from __future__ import annotations

import pytest
import torch
from PIL import Image, ImageDraw

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError
from deepsynth.data.collate import Collator
from deepsynth.models.losses import select_labels


def page(number, size=(128, 128)):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((4 + 3 * number, 10), f"page {number} of many", fill="black")
    return Page(document_id="d", number=number, image=image)


ROWS = (
    Example(id="one-view", pages=(page(0),), summary="One."),
    Example(id="tiled", pages=(page(1, (512, 256)),), summary="A wide page in tiles."),
    Example(id="two-pages", pages=(page(2), page(3, (300, 600))), summary="Two pages."),
    Example(id="text", pages=(), text="Only words, no page.", summary="Words."),
)


def collate(tiny, rows=ROWS, mode="nano-tiles", **settings):
    return Collator(tiny.family.processor(tiny, mode), **settings)(rows).as_mapping()


def test_a_mixed_batch_sums_the_losses_of_its_rows(tiny):
    model = tiny.model.eval()
    whole = tiny.family.forward(model, collate(tiny))
    alone = [tiny.family.forward(model, collate(tiny, [row])) for row in ROWS]
    assert whole.num_label_tokens == sum(output.num_label_tokens for output in alone)
    torch.testing.assert_close(whole.loss, sum(output.loss for output in alone), rtol=1e-5, atol=1e-5)


def test_loss_and_gradients_equal_those_of_logits_at_every_position(tiny):
    batch = collate(tiny)
    output = tiny.family.forward(tiny.model, batch)
    output.loss.backward()
    selected = {name: parameter.grad.clone() for name, parameter in tiny.model.named_parameters()}
    tiny.model.zero_grad()
    logits = tiny.family.forward(tiny.model, batch, with_logits=True).logits
    plain = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=-100, reduction="sum"
    )
    plain.backward()
    torch.testing.assert_close(output.loss, plain)
    for name, parameter in tiny.model.named_parameters():
        torch.testing.assert_close(selected[name], parameter.grad, msg=name)


def test_padding_on_the_right_changes_no_real_position(tiny):
    model = tiny.model.eval()
    short = tiny.family.forward(model, collate(tiny), with_logits=True).logits
    batch = collate(tiny, pad_to_multiple_of=128)
    long = tiny.family.forward(model, batch, with_logits=True).logits
    real = batch["attention_mask"][:, : short.shape[1]].bool()
    torch.testing.assert_close(short[real], long[:, : short.shape[1]][real], atol=1e-5, rtol=1e-4)


def test_padding_on_the_left_gives_each_row_the_same_next_token(tiny):
    model = tiny.model.eval()
    right = collate(tiny, with_summary=False)
    left = collate(tiny, with_summary=False, padding_side="left")
    ends = right["attention_mask"].sum(dim=1) - 1
    expected = tiny.family.forward(model, right, with_logits=True).logits[torch.arange(len(ROWS)), ends]
    assert not left["attention_mask"][:, 0].all()
    found = tiny.family.forward(model, left, with_logits=True).logits[:, -1]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_cached_visual_tokens_give_the_same_logits_to_the_last_bit(tiny):
    model, batch = tiny.model.eval(), collate(tiny)
    pixels = tiny.family.forward(model, batch, with_logits=True).logits
    pages = tiny.family.encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    cached = {**batch, "global_views": None, "tiles": None, "page_features": [page.detach() for page in pages]}
    assert torch.equal(tiny.family.forward(model, cached, with_logits=True).logits, pixels)


def test_a_page_encoded_alone_has_the_tokens_it_has_among_others(tiny):
    model, batch = tiny.model.eval(), collate(tiny)
    together = tiny.family.encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    start = 0
    for index, (columns, rows) in enumerate(batch["grids"]):
        count = 0 if (columns, rows) == (1, 1) else columns * rows
        tiles = batch["tiles"][start : start + count] if count else None
        alone = tiny.family.encode_pages(model, batch["global_views"][index : index + 1], tiles, [(columns, rows)])
        torch.testing.assert_close(alone[0], together[index], atol=1e-5, rtol=1e-4)
        start += count


def test_views_encoded_in_small_pieces_give_the_same_tokens(tiny, monkeypatch):
    model, batch = tiny.model.eval(), collate(tiny)
    whole = tiny.family.encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    monkeypatch.setattr("deepsynth.models.reading.ATTENTION_NUMBERS_PER_PIECE", 1)
    pieces = tiny.family.encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_bytes_and_normalized_floats_are_the_same_input(tiny):
    model, batch = tiny.model.eval(), collate(tiny)
    floats = {name: (batch[name] / 255 - 0.5) / 0.5 for name in ("global_views", "tiles")}
    expected = tiny.family.forward(model, batch, with_logits=True).logits
    assert torch.equal(tiny.family.forward(model, {**batch, **floats}, with_logits=True).logits, expected)


def test_placeholders_that_do_not_fit_name_row_mode_and_both_counts(tiny):
    batch = collate(tiny)
    batch["grids"] = [(1, 1), (1, 1), (2, 1), (1, 2)]
    batch["tiles"] = batch["tiles"][:4]
    with pytest.raises(
        InputError, match=r"'tiled' \(1 pages, mode nano-tiles of 256 pixels\) has \d+ .* for 73 visual"
    ):
        tiny.family.forward(tiny.model, batch)


def test_page_counts_that_do_not_fit_are_refused(tiny):
    batch = collate(tiny)
    batch["page_counts"] = torch.tensor([1, 1, 1, 0])
    with pytest.raises(InputError, match="counts 3 pages but brings 4"):
        tiny.family.forward(tiny.model, batch)


def test_a_frozen_encoder_gets_no_gradient_and_stays_in_evaluation_mode(tiny):
    for part in tiny.family.vision_modules(tiny.model):
        part.requires_grad_(False)
    tiny.model.train()
    tiny.family.forward(tiny.model, collate(tiny)).loss.backward()
    tower = tiny.model.model.vision_tower
    assert not any(module.training for module in tower.modules())
    assert all(parameter.grad is None for parameter in tower.parameters())
    assert tiny.model.model.multi_modal_projector.weight.grad is not None


def test_every_parameter_of_an_unfrozen_model_gets_a_gradient(tiny):
    tiny.family.forward(tiny.model.train(), collate(tiny)).loss.backward()
    without = {name for name, parameter in tiny.model.named_parameters() if parameter.grad is None}
    assert without == set()


def test_activation_checkpointing_changes_no_gradient(tiny):
    batch = collate(tiny)
    tiny.family.forward(tiny.model.train(), batch).loss.backward()
    expected = {name: parameter.grad.clone() for name, parameter in tiny.model.named_parameters()}
    tiny.model.zero_grad()
    tiny.model.activation_checkpointing_enable()
    tiny.family.forward(tiny.model, batch).loss.backward()
    for name, parameter in tiny.model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], msg=name)


def test_a_loss_made_in_pieces_has_the_same_value_and_gradients(tiny, monkeypatch):
    batch = collate(tiny)
    whole = tiny.family.forward(tiny.model, batch)
    whole.loss.backward()
    expected = tiny.model.lm_head.weight.grad.clone()
    tiny.model.zero_grad()
    monkeypatch.setattr("deepsynth.models.losses.LOGITS_PER_PIECE", 1)
    pieces = tiny.family.forward(tiny.model, batch)
    pieces.loss.backward()
    torch.testing.assert_close(pieces.loss, whole.loss)
    torch.testing.assert_close(tiny.model.lm_head.weight.grad, expected)


def test_a_batch_without_labels_has_no_loss(tiny):
    batch = collate(tiny)
    del batch["labels"]
    output = tiny.family.forward(tiny.model, batch)
    assert (output.loss, output.num_label_tokens, output.logits) == (None, 0, None)


def test_labels_are_predicted_from_the_position_before():
    hidden = torch.arange(8.0).view(1, 4, 2)
    states, targets = select_labels(hidden, torch.tensor([[5, -100, 7, 8]]))
    assert targets.tolist() == [7, 8]
    assert states.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_a_larger_model_changes_its_kernels_with_the_device(tiny):
    assert tiny.model.kernels_for == ("cpu", False)
    assert tiny.model.config.text_config._attn_implementation == "eager"
    tiny.model.choose_kernels("cuda")
    assert tiny.model.config.text_config._attn_implementation == "sdpa"
    assert tiny.model.config.text_config._experts_implementation == "grouped_mm"


def test_bfloat16_autocast_stays_near_float32(tiny):
    model, batch = tiny.model.eval(), collate(tiny)
    exact = tiny.family.forward(model, batch)
    with torch.autocast("cpu", torch.bfloat16):
        rough = tiny.family.forward(model, batch)
    assert rough.loss.dtype == torch.float32
    torch.testing.assert_close(rough.loss, exact.loss, rtol=0.02, atol=0)
