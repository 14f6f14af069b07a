"""The decoder's path to copy by: one result whichever way a model is run, and nothing in models that do not ask for it."""

from __future__ import annotations

import pytest
import torch

from deepsynth.core.documents import Example
from deepsynth.core.errors import ModelError
from deepsynth.data.collate import Collator
from deepsynth.models import load_model
from deepsynth.models.deepseek_ocr.copying import CopyAttention, add_copying
from deepsynth.models.exporting import write_export
from deepsynth.models.parts import count_parameters
from deepsynth.models.saving import save_model

TEXTS = ("a lamp", "the tide was high and the lamp was lit in the harbor", "sail")


@pytest.fixture
def copying(tiny):
    add_copying(tiny.model, 8, seed=1)
    generator = torch.Generator().manual_seed(2)
    for parameter in tiny.model.model.language_model.copying.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=generator)  # so that what is copied counts
    return tiny


def batch(loaded, texts=TEXTS, *, side="left", **settings):
    collate = Collator(loaded.family.processor(loaded), padding_side=side, **settings)
    return collate([Example(id=text, pages=(), text=text, summary=text[::-1]) for text in texts]).as_mapping()


def logits_of(loaded, given):
    with torch.no_grad():
        return loaded.family.forward(loaded.model.eval(), given, with_logits=True).logits


def test_a_new_path_changes_little_and_everything_else_stays(tiny):
    before, plain = logits_of(tiny, batch(tiny)), dict(tiny.model.state_dict())
    size = sum(count_parameters(tiny.model).values())
    add_copying(tiny.model, 8)
    after = tiny.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in plain.items())
    assert {name.split(".")[2] for name in set(after) - set(plain)} == {"copying"}
    assert count_parameters(tiny.model)["attention"] > 0
    assert sum(count_parameters(tiny.model).values()) == size + 3 * 8 * 32 + 32 + 1 + 32 * 32
    changed = (logits_of(tiny, batch(tiny)) - before).abs().max()
    assert 0 < changed < 0.05
    with pytest.raises(ModelError, match="of width 8"):
        add_copying(tiny.model, 8)


def test_later_tokens_do_not_change_earlier_ones(copying):
    given = batch(copying, TEXTS[1:2])
    before = logits_of(copying, given)
    given["input_ids"] = given["input_ids"].clone()
    given["input_ids"][:, 30:] = 100
    changed = (logits_of(copying, given) - before).abs().amax(dim=(0, 2))
    assert changed[:30].max() == 0
    assert changed[30:].min() > 0


@torch.no_grad()
def test_rows_written_side_by_side_have_the_logits_of_rows_alone(copying):
    decoder, steps = copying.family.decoder(copying.model), 5
    logits = decoder.join(batch(copying, with_summary=False))
    found, written = [logits], [[], [], []]
    for _ in range(steps):
        chosen = logits.argmax(dim=1).tolist()
        for row, token in zip(written, chosen, strict=True):
            row.append(token)
        logits = decoder.step(chosen)
        found.append(logits)
    for number, text in enumerate(TEXTS):
        given = batch(copying, [text], with_summary=False)
        new = torch.tensor([written[number]])
        more = {"input_ids": new, "attention_mask": torch.ones_like(new), "labels": torch.full_like(new, -100)}
        more["image_token_mask"] = torch.zeros_like(new, dtype=torch.bool)
        whole = given | {name: torch.cat([given[name], value], dim=1) for name, value in more.items()}
        alone = logits_of(copying, whole)[0, -steps - 1 :]
        torch.testing.assert_close(torch.stack([step[number] for step in found]), alone, rtol=0, atol=2e-4)


def test_packed_rows_have_the_loss_of_padded_ones(copying):
    padded = copying.family.forward(copying.model, batch(copying, side="right"))
    packed = copying.family.forward(copying.model, batch(copying, side="packed"))
    assert packed.loss.item() == pytest.approx(padded.loss.item(), rel=1e-5)


def test_beams_are_searched_with_the_path(copying):
    given = batch(copying, TEXTS[:1], with_summary=False)
    rules = {"max_new_tokens": 4, "min_new_tokens": 4}
    one, four = (copying.family.generate(copying.model, given, num_beams=beams, **rules) for beams in (1, 4))
    assert len(one[0]) == len(four[0]) == 4


def test_it_is_kept_by_a_checkpoint_and_refused_by_other_layouts(copying, tmp_path):
    save_model(copying, tmp_path / "saved")
    again = load_model(tmp_path / "saved")
    assert again.model.config.copy_size == 8
    assert torch.equal(logits_of(again, batch(copying)), logits_of(copying, batch(copying)))
    for layout in ("original", "transformers"):
        with pytest.raises(ModelError, match="copy_size 8"):
            write_export(copying, tmp_path / layout, layout)


def test_a_token_is_copied_from_where_the_same_state_came_before():
    torch.manual_seed(0)
    copy = CopyAttention(4, 4, layer=0)
    for linear in (copy.query, copy.announced, copy.output):
        torch.nn.init.eye_(linear.weight)
    torch.nn.init.zeros_(copy.reached.weight)
    torch.nn.init.zeros_(copy.nothing.weight)
    torch.nn.init.zeros_(copy.nothing.bias)
    states = 9 * torch.eye(4)[[0, 1, 2, 0]]  # the last state is that which announced the second token
    tokens = torch.eye(4)[[3, 2, 1, 0]]
    added = copy(states[None], tokens[None], None)[0, -1]
    assert added.argmax() == tokens[1].argmax()
    assert copy(states[None, :1], tokens[None, :1], None).abs().max() == 0, "nothing stands before the first"


def test_kernels_can_be_chosen_as_for_the_stock_decoder(copying):
    config = copying.model.config.text_config
    copying.model.choose_kernels("cpu", packed=True)
    assert (config._attn_implementation, config._experts_implementation) == ("deepsynth_packed", "eager")
    copying.model.choose_kernels("cpu")
    assert config._attn_implementation == "eager"
