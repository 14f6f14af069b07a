import numpy as np
import pytest

from deepsynth.evaluation.textrank import best_sentences, rank_sentences
from deepsynth.evaluation.tokenizer import UnicodeTokenizer


def test_the_sentence_that_shares_most_words_leads():
    sentences = [line.split() for line in ("a b c d", "a b x y", "c d z w", "p q r s")]
    assert best_sentences(sentences, 1) == [0]
    assert best_sentences(sentences, 4) == [0, 1, 2, 3]


def test_a_sentence_that_shares_nothing_keeps_its_weight_as_in_sumy():
    assert best_sentences([line.split() for line in ("a b c d", "a b x y", "c d z w", "p q r s")], 2) == [0, 3]


def test_weights_equal_those_worked_out_by_hand():
    # Two sentences of two words share one: similarity 1 / (2 ln 2), with themselves 2 / (2 ln 2): rows (2/3, 1/3), (1/3, 2/3)
    assert rank_sentences([["a", "b"], ["b", "c"]]) == pytest.approx([0.5, 0.5], abs=1e-6)
    # The third shares nothing: it keeps 0.15 / 3 and what it gives to itself, so r = 0.05 * sum + 0.85 * r, with sum 1
    ranks = rank_sentences([["a", "b"], ["a", "b"], ["x", "y"]])
    assert ranks == pytest.approx([1 / 3] * 3, abs=1e-3)
    # Sentence 0 shares one word with each other, they none: similarity s = 1 / (ln 2 + ln 3) and with itself 3 / (2 ln 3)
    similar, own, single = 1 / (np.log(2) + np.log(3)), 3 / (2 * np.log(3)), 2 / (2 * np.log(2))
    weights = np.array([[own, similar, similar], [similar, single, 0], [similar, 0, single]])
    transition = 0.05 + 0.85 * weights / weights.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(transition.T)
    steady = np.real(vectors[:, np.argmax(np.real(values))])
    ranks = rank_sentences([["a", "b", "c"], ["a", "x"], ["b", "y"]])
    assert ranks / ranks.sum() == pytest.approx(steady / steady.sum(), abs=1e-3)


def test_weights_equal_those_of_sumy():
    """Recorded from sumy 0.13.0, its `TextRankSummarizer.rate_sentences` given the same words and no stop words."""
    text = """The lamp stands in the harbor and warns boats of the tide.
        Boats that come in at night look for the lamp.
        A rope of the harbor was torn last winter.
        The tide is high twice a day, and the harbor is then open to larger boats.
        Nobody lives on the rock."""
    words = [UnicodeTokenizer().tokenize(line) for line in text.splitlines()]
    recorded = [0.2863165461572808, 0.16710673520031674, 0.164538665668702, 0.24717048829086954, 0.13486745369244382]
    assert rank_sentences(words) == pytest.approx(recorded, abs=1e-12)


def test_single_words_and_no_sentences_are_ranked_too():
    assert len(rank_sentences([])) == 0
    assert rank_sentences([["a"], ["a"]]) == pytest.approx([0.5, 0.5], abs=1e-6)
    assert best_sentences([], 3) == []
    assert best_sentences([["a"], ["b"]], 5) == [0, 1]
