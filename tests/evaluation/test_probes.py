from dataclasses import replace

import pytest

from deepsynth.core.documents import Summary
from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.data.prepared import PreparedDataset
from deepsynth.evaluation.evaluator import Evaluator
from deepsynth.evaluation.probes import costs, page_order, reading_probes, timing
from deepsynth.inference.writing import Writing


@pytest.fixture
def evaluator(summarizer, tmp_path):
    return Evaluator(summarizer, tmp_path / "out", SilentReporter(), batch_size=4, writing=Writing(max_new_tokens=4))


def test_the_same_rows_are_read_plain_shuffled_and_as_letters(evaluator, tmp_path, summarizer):
    lines = "".join(
        f'{{"text": "The quick lamp number {n} warns boats in the harbor.", "summary": "lamp number {n}"}}\n'
        for n in range(4)
    )
    (tmp_path / "rows.jsonl").write_text(lines)
    config = PrepareConfig.parse(
        {"source": str(tmp_path / "rows.jsonl"), "out": tmp_path / "data", "split": {"test": 1}}
    )
    Preparation(config, SilentReporter()).run()
    split = PreparedDataset(tmp_path / "data").split("test")
    counts = {"the pages": 3, "shuffled words": 2, "random letters": 0}
    found = reading_probes(evaluator, split, summarizer.rendering, counts)
    assert {name: len(reading.rows) for name, reading in found.items()} == {"the pages": 3, "shuffled words": 2}
    plain, shuffled = (found[name].rows[0]["text"] for name in ("the pages", "shuffled words"))
    assert plain != shuffled
    assert sorted(plain.split()) == sorted(shuffled.split())


def test_page_order_looks_at_rows_of_several_pages_alone(evaluator, examples, monkeypatch):
    pages = tuple(replace(examples[0].pages[0], number=number) for number in range(2))
    rows = [examples[0], *(replace(example, pages=pages) for example in examples[1:4])]
    asked: list[list[int]] = []

    def predict(found, _name):
        asked.extend([page.number for page in found[number].pages] for number in range(len(found)))
        return ["another text"] * len(found)

    monkeypatch.setattr(evaluator, "predict", predict)
    references = [row.summary for row in rows]
    found = page_order(evaluator, rows, references, references)
    assert found is not None
    difference, count = found
    assert asked == [[1, 0]] * 3
    assert (difference.mean, count) == (-100, 3)


def test_page_order_needs_pages(evaluator, examples):
    texts = [example.summary for example in examples]
    assert page_order(evaluator, examples, texts, texts) is None


def summary(**changed) -> Summary:
    values = {
        "document_id": "d", "text": "x", "prompt_tokens": 30, "visual_tokens": 20, "generated_tokens": 4, "seconds": 0.5,
        "stop_reason": "eos", "pages_used": 1, "text_tokens": 80,
    }  # fmt: skip
    return Summary(**{**values, **changed})


def test_costs_are_means_over_rows():
    found = costs(
        [summary(), summary(visual_tokens=10, text_tokens=20, stop_reason="repetition"), summary(text_tokens=None)]
    )
    assert found["visual_tokens"] == pytest.approx(50 / 3)
    assert found["compression"] == pytest.approx((4 + 2) / 2)
    assert found["loops_percent"] == pytest.approx(100 / 3)
    assert found["cut_percent"] == 0
    assert costs([summary(text_tokens=None)])["compression"] is None


def test_times_are_told_apart():
    assert timing([summary(), summary(seconds=1.5)]) == {"seconds_per_summary": 1, "tokens_per_second": 4}
