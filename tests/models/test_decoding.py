import pytest
import torch

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.data.collate import Collator
from deepsynth.models.decoding import ROOM


def batch(tiny, *texts, side="left"):
    collate = Collator(tiny.family.processor(tiny), with_summary=False, padding_side=side)
    return collate([Example(id=text, pages=(), text=text) for text in texts]).as_mapping()


def written_alone(tiny, text, count):
    """Logits of each step of a row that nobody stands beside, by running the whole sequence again each time."""
    given, found = batch(tiny, text), []
    for _ in range(count):
        logits = tiny.family.forward(tiny.model.eval(), given, with_logits=True).logits[:, -1]
        found.append(logits[0])
        new = logits.argmax(dim=1)[:, None]
        grow = {"input_ids": new, "attention_mask": torch.ones_like(new), "labels": torch.full_like(new, -100)}
        grow["image_token_mask"] = torch.zeros_like(new, dtype=torch.bool)
        given = given | {name: torch.cat([given[name], value], dim=1) for name, value in grow.items()}
    return found


@torch.no_grad()
def test_rows_that_come_and_go_have_the_logits_of_rows_alone(tiny):
    texts = ["a lamp", "the tide was high and the lamp was lit in the harbor", "sail", "rope and buoy"]
    steps = 3 * ROOM // 2
    expected = {text: written_alone(tiny, text, steps) for text in texts}
    decoder = tiny.family.decoder(tiny.model)
    rows, done = [], dict.fromkeys(texts, 0)

    def check(logits):
        for row, text in enumerate(rows):
            torch.testing.assert_close(logits[row], expected[text][done[text]], rtol=0, atol=2e-4)
            done[text] += 1
        return logits.argmax(dim=1).tolist()

    rows = texts[:2]
    chosen = check(decoder.join(batch(tiny, *rows)))
    for _ in range(5):
        chosen = check(decoder.step(chosen))
    longer = decoder.join(batch(tiny, texts[2]))
    rows, before = [texts[2]], chosen
    chosen = [*before, *check(longer)]
    rows = texts[:3]
    chosen = check(decoder.step(chosen))
    decoder.keep([2, 0])  # the longest row leaves, the others change places
    rows, chosen = [texts[2], texts[0]], [chosen[2], chosen[0]]
    columns = decoder.columns
    chosen = check(decoder.step(chosen))
    assert columns < len(batch(tiny, texts[1])["input_ids"][0]), "columns that nobody needs are given back"
    wider = decoder.join(batch(tiny, texts[3]))
    rows, before = [texts[3]], chosen
    chosen = [*before, *check(wider)]
    rows = [texts[2], texts[0], texts[3]]
    while max(done.values()) < steps:
        chosen = check(decoder.step(chosen))
    assert done[texts[0]] == steps
    assert len(decoder) == 3
    decoder.keep([])
    assert (len(decoder), decoder.columns) == (0, 0)


def test_a_batch_padded_on_the_right_is_refused(tiny):
    with pytest.raises(InputError, match="padded on the left"):
        tiny.family.decoder(tiny.model).join(batch(tiny, "a", "a longer text", side="right"))


@torch.no_grad()
def test_the_second_version_decodes_likewise(loaded_v2, golden_v2):
    text, family = golden_v2.text_only(), loaded_v2.family
    expected = family.generate(loaded_v2.model, text, max_new_tokens=6)[0]
    decoder = family.decoder(loaded_v2.model)
    chosen = decoder.join(text).argmax(dim=1).tolist()
    found = [*chosen]
    for number in range(5):
        if number == 2:
            chosen += decoder.join(golden_v2.prompt(1)).argmax(dim=1).tolist()
        chosen = decoder.step(chosen).argmax(dim=1).tolist()
        found.append(chosen[0])
    assert found == expected
    assert len(decoder) == 2
