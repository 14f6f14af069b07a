"""Version 2 with rows of every kind in one batch: one view, tiles, several pages, text alone."""

from __future__ import annotations

import pytest
import torch
from PIL import Image, ImageDraw

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError
from deepsynth.data.collate import Collator
from deepsynth.models import families


def page(number, size):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((4 + 3 * number, 10), f"page {number} of many", fill="black")
    return Page(document_id="d", number=number, image=image)


ROWS = (
    Example(id="tiled", pages=(page(0, (1400, 700)),), summary="Two tiles."),
    Example(id="two-pages", pages=(page(1, (400, 400)), page(2, (300, 300))), summary="Two pages, one view each."),
    Example(id="text", pages=(), text="Only words, no page.", summary="Words."),
)


@pytest.fixture(scope="module")
def small():
    loaded = families.get("deepseek_ocr2").build("tiny", seed=1)
    loaded.model.eval()
    return loaded


def collate(loaded, rows=ROWS, **settings):
    return Collator(loaded.family.processor(loaded, "v2-dynamic"), **settings)(rows).as_mapping()


@torch.no_grad()
def test_a_mixed_batch_sums_the_losses_of_its_rows(small):
    whole = small.family.forward(small.model, collate(small))
    alone = [small.family.forward(small.model, collate(small, [row])) for row in ROWS]
    assert whole.num_label_tokens == sum(output.num_label_tokens for output in alone)
    torch.testing.assert_close(whole.loss, sum(output.loss for output in alone), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_generation_of_a_mixed_batch_equals_a_hand_written_greedy_loop(small):
    batch = collate(small, with_summary=False, padding_side="left")
    pages = small.family.encode_pages(small.model, batch["global_views"], batch["tiles"], batch["grids"])
    cached, written = {**batch, "page_features": pages}, []
    for _ in range(5):
        logits = small.family.forward(small.model, cached, with_logits=True).logits
        written.append(logits[:, -1].argmax(-1))
        grow = {"input_ids": written[-1], "attention_mask": 1, "labels": -100, "image_token_mask": False}
        for name, value in grow.items():
            new = torch.zeros((len(ROWS), 1), dtype=cached[name].dtype)
            new[:, 0] = value
            cached[name] = torch.cat([cached[name], new], dim=1)
    expected = torch.stack(written, dim=1).tolist()
    found = small.family.generate(small.model, batch, max_new_tokens=5, min_new_tokens=5)
    assert found == expected


@torch.no_grad()
def test_placeholders_that_do_not_fit_name_row_mode_and_both_counts(small):
    batch = collate(small)
    batch["grids"] = [(1, 1), *batch["grids"][1:]]
    batch["tiles"] = None
    with pytest.raises(InputError, match=r"'tiled' \(1 pages, mode .*v2.* of 1024 pixels\) has 545 .* for 257 visual"):
        small.family.forward(small.model, batch)
