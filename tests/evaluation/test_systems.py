from dataclasses import replace

import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.evaluation import systems
from deepsynth.evaluation.baselines import BASELINES, NEED_TRAINING, RANDOM
from deepsynth.evaluation.systems import MODEL, OTHER_PAGES, evaluate_summaries

SETTINGS = {"settings": {}, "data_fingerprint": "f"}


def test_every_baseline_and_control_stands_beside_the_model_on_the_same_rows(examples, training):
    copied = [example.summary for example in examples]
    found = evaluate_summaries(examples, copied, training, controls={OTHER_PAGES: copied[::-1]}, **SETTINGS)
    report = found.report
    assert set(report.scores) == {*BASELINES, OTHER_PAGES, MODEL}
    assert report.scores[MODEL]["rougeL"].mean == pytest.approx(100)
    assert all(score["rougeL"].n == len(examples) for score in report.scores.values())
    assert report.rows[0]["predictions"][MODEL] == examples[0].summary
    assert report.rows[0]["scores"]["rougeL"] == 100
    assert found.corpus["chrF"]["score"] == pytest.approx(100)


def test_differences_are_the_models_score_minus_the_others(examples, training):
    copied = [example.summary for example in examples]
    found = evaluate_summaries(examples, copied, training, controls={"same": copied}, **SETTINGS)
    assert found.differences["same"]["rougeL"].mean == 0
    assert not found.differences["same"]["rougeL"].clear
    gap = found.differences[RANDOM]["rougeL"]
    assert gap.mean == pytest.approx(100 - found.report.scores[RANDOM]["rougeL"].mean)
    assert gap.clear


def test_without_training_rows_the_baselines_that_need_them_are_named_as_left_out(examples):
    found = evaluate_summaries(examples, ["x"] * len(examples), [], **SETTINGS)
    assert set(found.report.scores) == {*BASELINES, MODEL} - NEED_TRAINING
    assert all(name in found.notes[0] for name in NEED_TRAINING)


def test_without_texts_nothing_is_said_about_documents(examples, training):
    rows = [replace(example, text=None) for example in examples]
    found = evaluate_summaries(rows, ["x"] * len(rows), training, **SETTINGS)
    assert set(found.report.scores) == {RANDOM, MODEL}
    assert not [name for name in found.report.scores[MODEL] if name.startswith(("novel", "copied", "unsupported"))]
    assert "words" in found.report.scores[MODEL]


def test_the_similarity_model_is_named_beside_its_figures(examples, training, tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    monkeypatch.setattr(systems, "load_encoder", lambda _folder: None)
    monkeypatch.setattr(systems, "similarity", lambda texts, _references, _encoder: np.full(len(texts), 50.0))
    found = evaluate_summaries(examples, ["x"] * len(examples), training, similarity_model=tmp_path, **SETTINGS)
    assert {row["similarity"].mean for row in found.report.scores.values()} == {50}
    assert tmp_path.name in found.notes[0]


def test_stemmed_rouge_is_added_when_asked(examples, training):
    plain, stemmed = (
        evaluate_summaries(examples, ["reports"] * len(examples), training, stemmed=asked, **SETTINGS).report
        for asked in (False, True)
    )
    assert "rouge1_stemmed" not in plain.scores[MODEL]
    assert stemmed.scores[MODEL]["rouge1_stemmed"].mean > stemmed.scores[MODEL]["rouge1"].mean


def test_predictions_of_another_length_are_refused(examples, training):
    with pytest.raises(InputError, match="1 predictions of 'model' for 6 references"):
        evaluate_summaries(examples, ["one"], training, **SETTINGS)


def test_a_row_without_reference_is_named(examples, training):
    rows = [replace(examples[0], summary=None)]
    with pytest.raises(InputError, match="row 'd0' has no reference"):
        evaluate_summaries(rows, ["x"], training, **SETTINGS)
