from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from PIL import Image, ImageDraw
from transformers.models.unlimited_ocr import UnlimitedOcrConfig, UnlimitedOcrForConditionalGeneration

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError
from deepsynth.data.collate import Collator
from deepsynth.models.family import TokenRules
from deepsynth.models.generation import forbidden_ngrams, sample


def rows():
    made = []
    for index, size in enumerate([(128, 128), (512, 256), (256, 700)]):
        image = Image.new("RGB", size, "white")
        ImageDraw.Draw(image).text((4, 8 * index), f"document {index}", fill="black")
        made.append(Example(id=f"row-{index}", pages=(Page(document_id="d", number=0, image=image),)))
    return [*made, Example(id="text", pages=(), text="plain text")]


def prompts(tiny, examples=None, side="left"):
    collator = Collator(tiny.family.processor(tiny, "nano-tiles"), with_summary=False, padding_side=side)
    return collator(examples or rows()).as_mapping()


def greedy(tiny, example, steps):
    """Append the likeliest token, run the whole sequence again, repeat."""
    batch, ids = prompts(tiny, [example]), []
    for _ in range(steps):
        logits = tiny.family.forward(tiny.model, batch, with_logits=True).logits
        ids.append(int(logits[0, -1].argmax()))
        if ids[-1] == tiny.model.config.text_config.eos_token_id:
            break
        grow = {"input_ids": ids[-1], "attention_mask": 1, "labels": -100, "image_token_mask": False}
        for name, value in grow.items():
            new = torch.full((1, 1), value, dtype=batch[name].dtype)
            batch[name] = torch.cat([batch[name], new], dim=1)
    return ids


def test_generation_of_a_mixed_batch_equals_a_hand_written_greedy_loop(tiny):
    tiny.model.eval()
    with torch.no_grad():
        expected = [greedy(tiny, row, 12) for row in rows()]
    assert tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=12) == expected


def test_a_row_that_ends_by_itself_ends_with_eos_and_without_padding(tiny):
    first = tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=6)
    tiny.model.config.text_config.eos_token_id = first[0][2]
    again = tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=6)
    end = first[0].index(first[0][2]) + 1
    assert again[0] == first[0][:end]
    assert all(len(row) <= 6 for row in again)


def test_a_least_number_of_new_tokens_is_kept(tiny):
    first = tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=1)
    tiny.model.config.text_config.eos_token_id = first[0][0]
    later = tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=8, min_new_tokens=5)
    assert all(len(row) >= 5 for row in later)


def test_no_pair_of_tokens_comes_twice_when_forbidden(tiny):
    free = tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=40, min_new_tokens=40)
    assert any(repeats(row) for row in free), "the random model must repeat itself for this test to say anything"
    found = tiny.family.generate(
        tiny.model, prompts(tiny), max_new_tokens=40, min_new_tokens=40, no_repeat_ngram_size=2
    )
    assert not any(repeats(row) for row in found)


def test_a_window_forbids_repetition_only_nearby(tiny):
    found = tiny.family.generate(
        tiny.model,
        prompts(tiny),
        max_new_tokens=40,
        min_new_tokens=40,
        no_repeat_ngram_size=2,
        no_repeat_ngram_window=4,
    )
    assert any(repeats(row) for row in found)
    assert all(not repeats(row[start : start + 4]) for row in found for start in range(36))


def repeats(row):
    pairs = list(pairwise(row))
    return len(pairs) > len(set(pairs))


def test_beam_search_finds_a_sequence_at_least_as_likely_as_greedy(tiny):
    batch = prompts(tiny, rows()[:1])
    one = tiny.family.generate(tiny.model, batch, max_new_tokens=5, min_new_tokens=5)[0]
    four = tiny.family.generate(tiny.model, batch, max_new_tokens=5, min_new_tokens=5, num_beams=4)[0]
    assert likelihood(tiny, batch, four) >= likelihood(tiny, batch, one) - 1e-4


def likelihood(tiny, batch, ids):
    new = torch.tensor([ids])
    grown = {
        **batch,
        "input_ids": torch.cat([batch["input_ids"], new], dim=1),
        "labels": torch.cat([torch.full_like(batch["labels"], -100), new], dim=1),
        "attention_mask": torch.cat([batch["attention_mask"], torch.ones_like(new)], dim=1),
        "image_token_mask": torch.cat([batch["image_token_mask"], torch.zeros_like(new, dtype=torch.bool)], dim=1),
    }
    return -tiny.family.forward(tiny.model.eval(), grown).loss.item()


def test_sampling_follows_the_seed(tiny):
    def sample():
        torch.manual_seed(3)
        return tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=8, temperature=1.0, top_p=0.9)

    assert sample() == sample()
    assert sample() != tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=8)


def test_cached_visual_tokens_write_the_same(tiny):
    batch = prompts(tiny)
    pages = tiny.family.encode_pages(tiny.model.eval(), batch["global_views"], batch["tiles"], batch["grids"])
    cached = {**batch, "page_features": pages}
    expected = tiny.family.generate(tiny.model, batch, max_new_tokens=8)
    assert tiny.family.generate(tiny.model, cached, max_new_tokens=8) == expected


def test_a_batch_padded_on_the_right_is_refused(tiny):
    with pytest.raises(InputError, match="padded on the left"):
        tiny.family.generate(tiny.model, prompts(tiny, side="right"), max_new_tokens=2)


def test_training_mode_is_restored(tiny):
    tiny.model.train()
    tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=1)
    assert tiny.model.training


def test_allowed_tokens_may_come_again():
    rules = TokenRules(max_new_tokens=9, no_repeat_ngram_size=2)
    assert forbidden_ngrams([7, 8, 7], rules) == [8]
    assert forbidden_ngrams([7, 8, 7], replace(rules, no_repeat_allowed=frozenset({8}))) == []
    assert forbidden_ngrams([7, 8, 5, 5, 7], replace(rules, no_repeat_ngram_window=3)) == []
    assert forbidden_ngrams([7], rules) == []


def test_sampling_draws_only_from_the_likeliest_and_as_often_as_they_are_likely():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    rules = TokenRules(max_new_tokens=1, temperature=1.0, top_p=0.8)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.bincount(torch.tensor([sample(logits, rules, generator) for _ in range(4000)]), minlength=4)
    assert drawn[2:].tolist() == [0, 0]
    assert abs(drawn[0] / 4000 - 0.625) < 0.03
    assert {sample(logits, replace(rules, top_p=0.4), generator) for _ in range(50)} == {0}


def test_beams_are_not_drawn_at_random(tiny):
    with pytest.raises(InputError, match="num_beams 1 with a temperature above 0"):
        tiny.family.generate(tiny.model, prompts(tiny), max_new_tokens=2, num_beams=2, temperature=1.0)


@torch.no_grad()
def test_long_writing_looks_back_at_everything(tiny):
    """The stock class's decoder sees 128 tokens back while it writes, and all of them while it trains."""
    batch = prompts(tiny, rows()[:1])
    written = tiny.family.generate(tiny.model, batch, max_new_tokens=170, min_new_tokens=170)[0]
    new = torch.tensor([written[:-1]])
    read = {
        **batch,
        "input_ids": torch.cat([batch["input_ids"], new], dim=1),
        "attention_mask": torch.cat([batch["attention_mask"], torch.ones_like(new)], dim=1),
        "labels": torch.cat([batch["labels"], torch.full_like(new, -100)], dim=1),
        "image_token_mask": torch.cat([batch["image_token_mask"], torch.zeros_like(new, dtype=torch.bool)], dim=1),
    }
    logits = tiny.family.forward(tiny.model.eval(), read, with_logits=True).logits[0, -len(written) :]
    logits[:, tiny.model.config.text_config.eos_token_id] = -torch.inf  # forbidden while fewer than asked are written
    assert logits.argmax(-1).tolist() == written
    assert set(tiny.model.config.text_config.layer_types) == {"full_attention"}


@torch.no_grad()
def test_the_stock_decoder_forgets_what_lies_further_back_while_it_writes(tiny):
    """The same weights in transformers' own class: as it is by default, and with full attention as in our config."""

    def written(**changed):
        values = tiny.family.stock_config(tiny.model)
        config = UnlimitedOcrConfig.from_dict({**values, "text_config": {**values["text_config"], **changed}})
        stock = UnlimitedOcrForConditionalGeneration(config).eval()
        stock.load_state_dict(tiny.model.state_dict())
        ids = torch.arange(10, 40)[None]
        settings = {"max_new_tokens": 140, "min_new_tokens": 140, "do_sample": False, "pad_token_id": 2}
        found = stock.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            output_logits=True,
            return_dict_in_generate=True,
            **settings,
        )
        return torch.stack(found.logits, dim=1)[0]

    stock, ours = written(layer_types=["reference_sliding_attention"] * 2), written()
    apart = (stock - ours).abs().amax(dim=-1) > 1e-4
    assert not apart[:129].any()
    assert apart[129:].any()
