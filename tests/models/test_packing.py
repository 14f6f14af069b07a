"""A packed row against the padded batch of the same examples: same loss, same gradients, and nobody sees a neighbor."""

from __future__ import annotations

import pytest
import torch
from PIL import Image, ImageDraw

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError, ModelError
from deepsynth.data.collate import Collator
from deepsynth.models import families
from deepsynth.models.packing import Packing


def page(number, size):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((4 + 3 * number, 10), f"page {number} of many", fill="black")
    return Page(document_id="d", number=number, image=image)


ROWS = {
    "deepseek_ocr": (
        Example(id="one-view", pages=(page(0, (128, 128)),), summary="One."),
        Example(id="text", pages=(), text="Only words, no page.", summary="Words."),
        Example(
            id="tiled", pages=(page(1, (512, 256)), page(2, (60, 60))), summary="A wide page in tiles, and another."
        ),
    ),
    "deepseek_ocr2": (
        Example(id="page", pages=(page(0, (768, 768)),), summary="One."),
        Example(id="text", pages=(), text="Only words, no page.", summary="Words that go on for longer."),
    ),
}
MODES = {"deepseek_ocr": "nano-tiles", "deepseek_ocr2": "v2-768"}


@pytest.fixture(params=sorted(ROWS))
def family(request):
    return request.param


def built(family, **settings):
    loaded = families.get(family).build("tiny", seed=1)
    collator = Collator(loaded.family.processor(loaded, MODES[family]), **settings)
    return loaded, collator


def gradients(model):
    """All gradients; version 2 has queries for another size of page, which get none."""
    found = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    assert {name for name, _ in model.named_parameters()} - set(found) <= {
        "model.vision_tower.query_1024_resolution.weight"
    }
    return found


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], msg=name, rtol=1e-4, atol=1e-5)


def test_loss_balance_and_gradients_equal_those_of_the_examples_one_by_one(family):
    loaded, collate = built(family, padding_side="packed")
    forward, model = loaded.family.forward, loaded.model.train()
    alone = Collator(collate.processor)
    outputs = [forward(model, alone([row]).as_mapping(), with_balance_loss=True) for row in ROWS[family]]
    loss = sum(output.loss for output in outputs)
    balance = sum(output.balance_loss for output in outputs) / len(outputs)
    (loss + balance).backward()
    expected = gradients(model)
    model.zero_grad()
    packed = forward(model, collate(ROWS[family]).as_mapping(), with_balance_loss=True)
    (packed.loss + packed.balance_loss).backward()
    assert packed.num_label_tokens == sum(output.num_label_tokens for output in outputs)
    torch.testing.assert_close(packed.loss, loss, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(packed.balance_loss, balance, rtol=1e-5, atol=1e-5)
    same(gradients(model), expected)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_loss_and_gradients_equal_those_of_the_padded_batch(family, checkpointing):
    loaded, collate = built(family, padding_side="packed", pad_to_multiple_of=64)
    model = loaded.model.train()
    padded = Collator(collate.processor, pad_to_multiple_of=64)(ROWS[family])
    plain = loaded.family.forward(model, padded.as_mapping())
    plain.loss.backward()
    expected = gradients(model)
    model.zero_grad()
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    packed = collate(ROWS[family])
    assert packed.input_ids.numel() < padded.input_ids.numel()
    output = loaded.family.forward(model, packed.as_mapping())
    output.loss.backward()
    torch.testing.assert_close(output.loss, plain.loss, rtol=1e-5, atol=1e-5)
    same(gradients(model), expected)


def test_no_example_sees_its_neighbor(family):
    """Other ids in the first example leave the hidden states of the others as they are, to the last bit."""
    loaded, collate = built(family, padding_side="packed")
    batch = collate(ROWS[family]).as_mapping()
    first = batch["packed_lengths"][0]
    changed = batch["input_ids"].clone()
    changed[0, first - 3 : first] = 77
    model = loaded.model.eval()
    with torch.no_grad():
        before = loaded.family.forward(model, batch, with_logits=True).logits
        after = loaded.family.forward(model, {**batch, "input_ids": changed}, with_logits=True).logits
    assert not torch.equal(before[:, :first], after[:, :first])
    assert torch.equal(before[:, first:], after[:, first:])


def test_padded_and_packed_batches_may_follow_one_another(family):
    loaded, collate = built(family, padding_side="packed")
    padded = Collator(collate.processor)(ROWS[family]).as_mapping()
    model = loaded.model.eval()
    first = loaded.family.forward(model, padded).loss
    loaded.family.forward(model, collate(ROWS[family]).as_mapping())
    assert torch.equal(loaded.family.forward(model, padded).loss, first)


def test_an_examples_placeholders_are_counted_in_a_packed_row_too():
    loaded, collate = built("deepseek_ocr", padding_side="packed")
    batch = collate(ROWS["deepseek_ocr"]).as_mapping()
    batch["page_counts"] = torch.tensor([1, 1, 1])
    with pytest.raises(InputError, match="row 'text' .* has 0 placeholders for"):
        loaded.family.forward(loaded.model, batch)


def test_lengths_that_do_not_fit_the_row_are_refused():
    with pytest.raises(ModelError, match=r"examples of \[3, 4\] tokens do not fit a packed row of 6"):
        Packing.of_row([3, 4], 6)


def test_the_rest_of_a_row_is_a_stretch_of_its_own():
    packing = Packing.of_row([2, 3], 8)
    assert packing.positions(torch.device("cpu")).tolist() == [[0, 1, 0, 1, 2, 0, 1, 2]]
    assert packing.offsets(torch.device("cpu")).tolist() == [0, 2, 5, 8]
