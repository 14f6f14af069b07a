from dataclasses import replace

import pytest

from deepsynth.core.documents import Example, Summary
from deepsynth.data.collate import Collator
from deepsynth.evaluation.frontier_costs import COSTS, cache_bytes, cost_of, keep_cost, read_costs
from deepsynth.evaluation.frontier_points import Cost
from deepsynth.models import families
from deepsynth.models.deepseek_ocr.copying import add_copying


@pytest.mark.parametrize("copy_size", [0, 8])
def test_the_bytes_of_a_cached_token_are_those_that_the_decoder_keeps(copy_size):
    loaded = families.get("deepseek_ocr").build("tiny")
    if copy_size:
        add_copying(loaded.model, copy_size)
    collate = Collator(loaded.family.processor(loaded), with_summary=False, padding_side="left")
    decoder = loaded.family.decoder(loaded.model)
    decoder.join(collate([Example(id="a", pages=(), text="a lamp")]).as_mapping())
    kept = sum(tensor[:, :, :1].nbytes for layer in decoder._cache._layers for tensor in layer)
    assert cache_bytes(loaded.model) == kept


def test_a_cost_is_kept_until_texts_are_written_anew(tmp_path):
    cost = Cost(seconds=0.5, memory_mib=100.0, cache_mib=2.0)
    assert keep_cost(tmp_path, "8x", cost) is cost
    same = replace(cost, memory_mib=900.0)  # the summaries were read from the folder: memory says nothing of them
    assert keep_cost(tmp_path, "8x", same) == cost
    slower = replace(cost, seconds=0.7)
    assert keep_cost(tmp_path, "8x", slower) == slower
    assert read_costs(tmp_path / COSTS) == {"8x": slower}
    assert read_costs(tmp_path / "none.json") == {}


def test_a_cost_is_the_mean_over_summaries():
    model = families.get("deepseek_ocr").build("tiny").model
    written = [
        Summary(document_id="a", text="x", prompt_tokens=prompt, visual_tokens=0, generated_tokens=4,
                seconds=seconds, stop_reason="eos")
        for prompt, seconds in ((10, 1.0), (20, 2.0))
    ]  # fmt: skip
    cost = cost_of(written, model, 7.0)
    assert (cost.seconds, cost.memory_mib) == (1.5, 7.0)
    assert cost.cache_mib == pytest.approx(cache_bytes(model) * 19 / 2**20)
