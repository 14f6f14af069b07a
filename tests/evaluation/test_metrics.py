import json
import time
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from deepsynth.core.errors import InputError
from deepsynth.evaluation import metrics

TEXTS = json.loads((Path(__file__).parents[1] / "assets" / "languages.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", [name for name in TEXTS if name != "emoji"])
def test_a_text_against_itself_scores_100_in_every_language(language):
    scores = metrics.rouge([TEXTS[language]], [TEXTS[language]])
    assert all(values[0] == pytest.approx(100) for values in scores.values())
    assert metrics.character_error_rate([TEXTS[language]], [TEXTS[language]])[0] == 0


def test_rouge_equals_hand_computed_values():
    scores = metrics.rouge(["the cat sat"], ["the cat on the mat"])
    # unigrams: 2 of 3 and 2 of 5; bigrams: 1 of 2 and 1 of 4; longest common subsequence: 2
    assert scores["rouge1"][0] == pytest.approx(100 * 2 * (2 / 3) * (2 / 5) / (2 / 3 + 2 / 5))
    assert scores["rouge2"][0] == pytest.approx(100 * 2 * (1 / 2) * (1 / 4) / (1 / 2 + 1 / 4))
    assert scores["rougeL"][0] == pytest.approx(50)


def test_rouge_agrees_with_the_reference_library_on_plain_english():
    prediction, reference = "The tide warns boats. A storm is near.", "A storm warns the boats. The tide is high."
    stock = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, prediction)
    ours = metrics.rouge([prediction], [reference])
    for name, score in stock.items():
        assert ours[name][0] == pytest.approx(100 * score.fmeasure)


def test_an_empty_prediction_counts_as_zero():
    assert all(values[0] == 0 for values in metrics.rouge([""], ["the tide"]).values())
    assert metrics.character_error_rate([""], ["tide"])[0] == 100
    assert metrics.repetition_rate([""])[0] == 0


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


def test_repetition_counts_grams_that_came_before():
    assert metrics.repetition_rate(["a b c d a b c d"])[0] == pytest.approx(100 * 1 / 5)
    assert metrics.repetition_rate(["a b c d e f"])[0] == 0


def test_novelty_counts_what_the_document_does_not_hold():
    assert metrics.novelty(["the red tide"], ["see the red buoy"])[0] == pytest.approx(50)


@pytest.mark.parametrize(
    "measure", [metrics.rouge, metrics.character_error_rate, metrics.word_error_rate, metrics.novelty]
)
def test_lists_of_different_length_are_refused(measure):
    with pytest.raises(InputError, match="1 predictions for 2 references"):
        measure(["a"], ["a", "b"])


@pytest.mark.slow
def test_ten_thousand_pairs_take_seconds():
    began = time.monotonic()
    metrics.score_summaries(
        ["the tide is high today"] * 10_000, ["a high tide"] * 10_000, ["the tide is high " * 10] * 10_000
    )
    assert time.monotonic() - began < 60
