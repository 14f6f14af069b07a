import json
from dataclasses import replace

import pytest

from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.data.tasks import Row
from deepsynth.evaluation.baselines import LEAD, LEAD_WORDS, RANDOM
from deepsynth.evaluation.evaluator import Evaluator
from deepsynth.evaluation.frontier import Sweep
from deepsynth.evaluation.frontier_costs import COSTS, read_costs
from deepsynth.inference.writing import Writing

ROWS = [
    Row(
        id=f"r{n}",
        text=f"The lamp number {n} stands in the harbor and warns boats of the tide, day by day.",
        summary=f"lamp {n}",
    )
    for n in range(12)
]


@pytest.fixture
def sweep(summarizer, tmp_path):
    def evaluator(drawing):
        return Evaluator(drawing, tmp_path, SilentReporter(), batch_size=4, writing=Writing(max_new_tokens=4))

    return Sweep(summarizer, evaluator, tmp_path, largest_px=16)


def test_pages_are_read_at_the_compression_that_was_asked_for(sweep):
    point = sweep.reading(ROWS, "nano-128", 32, 3, shuffled=True)
    assert (point.mode, point.pages, point.nominal_tokens, point.visual_tokens) == ("nano-128", 3, 16, 21)
    assert 24 <= point.text_tokens <= 34
    assert point.compression == point.text_tokens / 16
    assert len(point.page_tokens) == len(point.page_precision) == 3
    assert point.shuffled_precision is not None
    assert point.cost.seconds > 0
    assert point.cost.cache_mib > 0


def test_denser_pages_have_smaller_letters(sweep):
    sparse, dense = (sweep.reading(ROWS, "nano-128", tokens, 2, shuffled=False) for tokens in (40, 160))
    assert sparse.px > dense.px
    assert sparse.shuffled_precision is None


def test_too_little_text_is_an_error(sweep):
    with pytest.raises(InputError, match="too little text for two pages of 900 tokens"):
        sweep.reading(ROWS, "nano-128", 900, 4, shuffled=False)


def test_documents_take_the_visual_tokens_that_a_ratio_or_budget_allows(sweep):
    rows = ROWS[:4]
    sparse = sweep.summaries(rows, "nano-128", ratio=1.0, budget=None, texts=True)
    dense = sweep.summaries(rows, "nano-128", ratio=4.0, budget=None, texts=False)
    fixed = sweep.summaries(rows, "nano-128", ratio=None, budget=32, texts=False)
    assert sparse.pages > dense.pages == 1
    assert sparse.compression < dense.compression
    assert (sparse.target, fixed.target, fixed.pages) == ("1x", "32 tokens", 2)
    assert sparse.text_quality is not None
    assert sparse.text_cost is not None
    assert dense.text_quality is dense.text_cost is None
    assert dense.cut == 0


def test_letters_grow_to_the_usual_size_or_the_one_that_is_asked_for(summarizer, tmp_path, sweep):
    usual = Sweep(summarizer, sweep._make, tmp_path / "usual")
    assert usual.reading(ROWS, "nano-128", 8, 2, shuffled=False).px == summarizer.rendering.px
    assert sweep.reading(ROWS, "nano-128", 8, 2, shuffled=False).px == 16


def test_points_that_look_the_same_are_written_once(sweep, tmp_path):
    first, second = (
        sweep.summaries(ROWS[:3], "nano-128", ratio=ratio, budget=None, texts=False) for ratio in (8.0, 9.0)
    )
    assert first.quality == second.quality
    assert len((tmp_path / "frontier-nano-128-predictions.jsonl").read_text().splitlines()) == 3


def test_documents_that_do_not_fit_are_counted(sweep):
    long = [replace(row, text=row.text * 20) for row in ROWS[:3]]
    assert sweep.summaries(long, "nano-128", ratio=None, budget=16, texts=False).cut == 3


def test_baselines_need_training_rows_where_they_draw_on_them(sweep):
    assert set(sweep.baselines(ROWS, ROWS)) == {RANDOM, LEAD, LEAD_WORDS}
    assert set(sweep.baselines(ROWS, [])) == {LEAD}


def test_a_second_run_writes_nothing_and_tells_the_same(sweep, summarizer, tmp_path, monkeypatch):
    first = sweep.summaries(ROWS[:4], "nano-128", ratio=2.0, budget=None, texts=True), sweep.text_in_full(ROWS[:4])
    monkeypatch.setattr(type(summarizer), "write", lambda *_args, **_kwargs: pytest.fail("written again"))
    again = sweep.summaries(ROWS[:4], "nano-128", ratio=2.0, budget=None, texts=True), sweep.text_in_full(ROWS[:4])
    assert again == first
    assert set(read_costs(tmp_path / COSTS)) == {
        "frontier-nano-128-2x",
        "frontier-nano-128-2x-text",
        "frontier-text-in-full",
    }
    assert json.loads((tmp_path / COSTS).read_text())["frontier-nano-128-2x"]["seconds"] > 0


def test_the_lines_that_a_model_is_used_to_do_not_limit_the_sweep(summarizer, tmp_path):
    def read(model):
        def evaluator(drawing):
            return Evaluator(drawing, tmp_path, SilentReporter(), writing=Writing(max_new_tokens=4))

        return Sweep(model, evaluator, tmp_path).reading(ROWS, "nano-128", 120, 2, shuffled=False)

    free, limited = read(summarizer), read(summarizer.drawing(summarizer.rendering.override({"lines": 1})))
    assert (free.px, free.text_tokens) == (limited.px, limited.text_tokens)
