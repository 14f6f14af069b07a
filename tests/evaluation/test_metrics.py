import json
from pathlib import Path

import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.evaluation import metrics
from deepsynth.evaluation.metrics import METRICS, SummaryScorer, score_systems

TEXTS = json.loads((Path(__file__).parents[1] / "assets" / "languages.json").read_text(encoding="utf-8"))
LIKENESS = [*metrics.ROUGE, "chrf", "bleu"]


@pytest.mark.parametrize("language", [name for name in TEXTS if name != "emoji"])
def test_a_copied_reference_scores_100_in_every_language(language):
    text = TEXTS[language]
    scores = score_systems({"copies": [text]}, [text], ["another text"])["copies"]
    assert {name: scores[name][0] for name in LIKENESS} == pytest.approx(dict.fromkeys(LIKENESS, 100.0))
    assert scores["length"][0] == 100
    assert metrics.score_readings([text], [text]) == {"cer": [0], "wer": [0], "precision": [100]}


def test_rouge_equals_hand_computed_values():
    scores = metrics.rouge(["the cat sat"], ["the cat on the mat"])
    # unigrams: 2 of 3 and 2 of 5; bigrams: 1 of 2 and 1 of 4; longest common subsequence: 2
    assert scores["rouge1"][0] == pytest.approx(100 * 2 * (2 / 3) * (2 / 5) / (2 / 3 + 2 / 5))
    assert scores["rouge2"][0] == pytest.approx(100 * 2 * (1 / 2) * (1 / 4) / (1 / 2 + 1 / 4))
    assert scores["rougeL"][0] == pytest.approx(50)


def test_stems_count_as_equal_only_when_asked():
    assert metrics.rouge(["running boats"], ["run boat"])["rouge1"][0] == 0
    assert metrics.rouge(["running boats"], ["run boat"], stemmed=True)["rouge1"][0] == 100


def test_an_empty_prediction_counts_as_zero_and_is_not_left_out():
    scores = score_systems({"model": ["", "a high tide"]}, ["a low tide", "a high tide"], ["tide", "tide"])["model"]
    assert all(scores[name][0] == 0 for name in LIKENESS)
    assert {name: scores[name].mean() for name in LIKENESS} == pytest.approx(dict.fromkeys(LIKENESS, 50.0))
    assert metrics.score_readings([""], ["tide"]) == {"cer": [100], "wer": [100], "precision": [0]}


@pytest.mark.parametrize(
    ("read", "text", "characters", "words"),
    [
        ("tide", "tide", 0, 0),
        ("tida", "tide", 25, 100),
        ("the tides", "the tide", 12.5, 50),
        ("a tide tide", "a tide", 500 / 6, 50),
    ],
)
def test_error_rates_equal_hand_computed_ones(read, text, characters, words):
    assert metrics.character_error_rate([read], [text])[0] == pytest.approx(characters)
    assert metrics.word_error_rate([read], [text])[0] == pytest.approx(words)


def test_a_summary_is_described_beside_its_document():
    document = "The tide of Brest is high. Boats stay in the harbor."
    scores = SummaryScorer(["the tide is high"], [document]).score(["The tide of Nantes is 7"])
    found = {name: float(values[0]) for name, values in scores.items()}
    assert found["words"] == 6
    assert found["length"] == 150
    assert found["novel_unigrams"] == pytest.approx(100 * 2 / 6)  # nantes, 7
    assert found["novel_bigrams"] == pytest.approx(100 * 3 / 5)  # of nantes, nantes is, is 7
    assert found["novel_trigrams"] == pytest.approx(100 * 3 / 4)
    assert found["copied"] == pytest.approx(100 * 4 / 6)  # the tide of, is
    assert found["copied_span"] == pytest.approx((9 + 1) / 6)
    assert (found["unsupported_numbers"], found["unsupported_names"]) == (1, 1)


def test_scores_come_in_the_order_of_the_table_and_are_all_known():
    scores = SummaryScorer(["a"], ["b"], stemmed=True).score(["c"])
    elsewhere = ("similarity", "cer", "wer", "precision")
    assert list(scores) == [name for name in METRICS if name not in elsewhere]


def test_many_rows_in_parts_give_what_one_part_gives(monkeypatch):
    found, wanted = [f"tide {number} is high" for number in range(7)], [f"the tide {number}" for number in range(7)]
    whole = score_systems({"a": found}, wanted, wanted)["a"]
    monkeypatch.setattr(metrics, "ROWS_AT_ONCE", 3)
    parts = score_systems({"a": found}, wanted, wanted)["a"]
    assert list(parts) == list(whole)
    assert all(np.array_equal(parts[name], whole[name]) for name in whole)


@pytest.mark.parametrize(
    "measure", [metrics.rouge, metrics.character_error_rate, metrics.word_error_rate, metrics.score_readings]
)
def test_lists_of_different_length_are_refused(measure):
    with pytest.raises(InputError, match="1 predictions for 2 references"):
        measure(["a"], ["a", "b"])


def test_a_system_of_another_length_is_named():
    with pytest.raises(InputError, match="1 predictions of 'b' for 2 references"):
        score_systems({"a": ["x", "y"], "b": ["x"]}, ["x", "y"], ["x", "y"])
    with pytest.raises(InputError, match="1 documents for 2 references"):
        score_systems({"a": ["x", "y"]}, ["x", "y"], ["x"])


@pytest.mark.slow
def test_ten_thousand_pairs_are_scored_row_by_row():
    values = score_systems(
        {"a": ["the tide is high today"] * 10_000}, ["a high tide"] * 10_000, ["the tide is high " * 10] * 10_000
    )
    assert {len(column) for column in values["a"].values()} == {10_000}
    assert {len(set(column)) for column in values["a"].values()} == {1}
