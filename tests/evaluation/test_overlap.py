import json
from pathlib import Path

import pytest

from deepsynth.evaluation import overlap

TEXTS = json.loads((Path(__file__).parents[1] / "assets" / "languages.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_against_itself_scores_100_in_every_language(language):
    assert overlap.chrf([TEXTS[language]], [TEXTS[language]])[0] == pytest.approx(100)
    assert overlap.bleu([TEXTS[language]], [TEXTS[language]])[0] == pytest.approx(100)


@pytest.mark.parametrize(
    ("language", "name"),
    [("zh", "char"), ("ja", "char"), ("th", "char"), ("my", "char"), ("ko", "13a"), ("ru", "13a"), ("en", "13a")],
)
def test_scripts_without_blanks_are_cut_by_characters(language, name):
    assert overlap.bleu_tokenizer([TEXTS[language]]) == name


def test_bleu_equals_a_hand_computed_value():
    # precisions 3/4, 2/3, 1/2 and, smoothed, 1/2 of 1/1; five words in the reference for four: exp(1 - 5/4)
    expected = 100 * (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25 * 2.718281828459045 ** (1 - 5 / 4)
    assert overlap.bleu(["the red boats sail"], ["the red boats left today"])[0] == pytest.approx(expected)


def test_chrf_equals_a_hand_computed_value():
    # ab against abc: orders 1 and 2 exist in both: precision 1 and 1, recall 2/3 and 1/2; F2 of the means
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert overlap.chrf(["ab"], ["abc"])[0] == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))


def test_an_empty_prediction_counts_as_zero():
    assert overlap.chrf([""], ["the tide"])[0] == 0
    assert overlap.bleu([""], ["the tide"])[0] == 0


def test_corpus_scores_carry_their_signatures():
    scores = overlap.corpus_scores(["the tide is high today"], ["the tide is high today"])
    assert scores["BLEU"]["score"] == pytest.approx(100)
    assert "tok:13a" in str(scores["BLEU"]["signature"])
    assert "nc:6" in str(scores["chrF"]["signature"])
