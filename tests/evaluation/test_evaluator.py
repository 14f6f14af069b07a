from dataclasses import replace

import pytest

from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.evaluation.baselines import BASELINES
from deepsynth.evaluation.evaluator import (
    MODEL,
    Evaluator,
    append_predictions,
    evaluate_summaries,
    read_predictions,
)
from deepsynth.inference.summarizer import Writing

WRITING = Writing(max_new_tokens=6)


@pytest.fixture
def evaluator(summarizer, tmp_path):
    return Evaluator(summarizer, tmp_path, SilentReporter(), batch_size=4, writing=WRITING)


def test_predictions_are_made_once_and_kept(evaluator, summarizer, examples, tmp_path, monkeypatch):
    first = evaluator.predict(examples)
    assert len(first) == len(examples)
    monkeypatch.setattr(summarizer, "write", lambda *_args, **_kwargs: pytest.fail("written again"))
    assert evaluator.predict(examples) == first
    assert evaluator.predict(list(reversed(examples))) == list(reversed(first))


def test_an_interrupted_run_goes_on_behind_its_last_whole_line(evaluator, examples, tmp_path):
    whole = evaluator.predict(examples)
    path = tmp_path / "summaries-predictions.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:10])
    assert len(read_predictions(path)) == 2
    assert evaluator.predict(examples) == whole
    assert len(read_predictions(path)) == len(examples)


def test_another_page_or_instruction_is_another_prediction(evaluator, examples):
    keys = {evaluator._key(example) for example in examples}
    keys.add(evaluator._key(replace(examples[0], instruction="Read.")))
    keys.add(evaluator._key(replace(examples[0], pages=examples[1].pages)))
    assert len(keys) == len(examples) + 2


def test_reading_counts_errors_against_the_pages_own_text(evaluator, examples, summarizer, monkeypatch):
    monkeypatch.setattr(evaluator, "predict", lambda asked, _name: [example.text for example in asked])
    reading = evaluator.read_pages(examples)
    assert reading.scores["CER %"].mean == 0
    assert reading.rows[0]["transcript"] == reading.rows[0]["text"]


def test_permuted_pages_change_the_loss(evaluator, examples):
    right, other = evaluator.losses(examples)
    assert right != other
    assert right > 0
    with pytest.raises(InputError, match="at least two rows"):
        evaluator.losses(examples[:1])


def test_every_baseline_stands_beside_the_model_on_the_same_rows(examples, training):
    copied = [example.summary for example in examples]
    report = evaluate_summaries(examples, copied, training, settings={}, data_fingerprint="f")
    assert set(report.scores) == {*BASELINES, MODEL}
    assert report.scores[MODEL]["rougeL"].mean == pytest.approx(100)
    assert all(score["rougeL"].n == len(examples) for score in report.scores.values())
    assert report.rows[0]["predictions"][MODEL] == examples[0].summary


def test_predictions_of_another_length_are_refused(examples, training):
    with pytest.raises(InputError, match="1 predictions for 6 references"):
        evaluate_summaries(examples, ["one"], training, settings={}, data_fingerprint="f")


def test_a_row_without_reference_is_named(examples, training):
    rows = [replace(examples[0], summary=None)]
    with pytest.raises(InputError, match="row 'd0' has no reference"):
        evaluate_summaries(rows, ["x"], training, settings={}, data_fingerprint="f")


def test_predictions_survive_being_appended_to(tmp_path):
    path = tmp_path / "p.jsonl"
    append_predictions(path, {"a": "één\nline"})
    append_predictions(path, {"b": ""})
    assert read_predictions(path) == {"a": "één\nline", "b": ""}
