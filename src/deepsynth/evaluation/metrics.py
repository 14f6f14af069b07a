"""Scores of one prediction against one reference: ROUGE by rouge-score, edit distances by rapidfuzz.

All scores run from 0 to 100; error rates are shares of the reference's length and may exceed 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rouge_score.rouge_scorer import RougeScorer

from deepsynth.core.errors import InputError
from deepsynth.evaluation.tokenizer import UnicodeTokenizer, sentences

Scores = npt.NDArray[np.float64]
Pairs = Sequence[str]

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def rouge(predictions: Pairs, references: Pairs) -> dict[str, Scores]:
    """Return the F1 of ROUGE-1, -2, -L and -Lsum of each pair, times 100; an empty prediction scores 0.

    Raises:
        InputError: the two differ in length.
    """
    check_lengths(predictions, references)
    scorer = RougeScorer(list(ROUGE), tokenizer=UnicodeTokenizer())
    rows = [scorer.score(_lines(one), _lines(two)) for two, one in zip(predictions, references, strict=True)]
    return {name: np.array([100 * row[name].fmeasure for row in rows]) for name in ROUGE}


def _lines(text: str) -> str:
    """Return `text` with one sentence a line, as ROUGE-Lsum wants it; the other variants do not care."""
    return "\n".join(sentences(text))


def character_error_rate(predictions: Pairs, references: Pairs) -> Scores:
    """Return the edit distance of each pair in characters, as a percentage of the reference's length."""
    check_lengths(predictions, references)
    return _error_rate([list(text) for text in predictions], [list(text) for text in references])


def word_error_rate(predictions: Pairs, references: Pairs) -> Scores:
    """Return the edit distance of each pair in words, as a percentage of the reference's length."""
    check_lengths(predictions, references)
    words = UnicodeTokenizer().tokenize
    return _error_rate([words(text) for text in predictions], [words(text) for text in references])


def _error_rate(predictions: list[list[str]], references: list[list[str]]) -> Scores:
    distances = [Levenshtein.distance(one, two) for one, two in zip(predictions, references, strict=True)]
    return 100 * np.array(distances, dtype=np.float64) / np.array([max(1, len(text)) for text in references])


def repetition_rate(predictions: Pairs, size: int = 4) -> Scores:
    """Return the percentage of each text's n-grams of words that occurred earlier in the same text."""
    return np.array([_repeated(UnicodeTokenizer().tokenize(text), size) for text in predictions])


def _repeated(words: list[str], size: int) -> float:
    grams = _grams(words, size)
    return 100 * (1 - len(set(grams)) / len(grams)) if grams else 0.0


def novelty(predictions: Pairs, documents: Pairs, size: int = 2) -> Scores:
    """Return the percentage of each text's n-grams of words that its document does not hold."""
    check_lengths(predictions, documents)
    words = UnicodeTokenizer().tokenize
    return np.array(
        [
            _new(_grams(words(text), size), set(_grams(words(document), size)))
            for text, document in zip(predictions, documents, strict=True)
        ]
    )


def _new(grams: list[tuple[str, ...]], known: set[tuple[str, ...]]) -> float:
    return 100 * sum(gram not in known for gram in grams) / len(grams) if grams else 0.0


def _grams(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]


def word_count(predictions: Pairs) -> Scores:
    """Return the number of words of each text."""
    return np.array([float(len(UnicodeTokenizer().tokenize(text))) for text in predictions])


def score_summaries(predictions: Pairs, references: Pairs, documents: Pairs) -> Mapping[str, Scores]:
    """Return every metric of summaries by name, one value a row."""
    return {
        **rouge(predictions, references),
        "words": word_count(predictions),
        "new bigrams %": novelty(predictions, documents),
        "repeated 4-grams %": repetition_rate(predictions),
    }


def score_readings(predictions: Pairs, references: Pairs) -> Mapping[str, Scores]:
    """Return every metric of transcripts by name, one value a row."""
    return {
        "CER %": character_error_rate(predictions, references),
        "WER %": word_error_rate(predictions, references),
    }


def check_lengths(predictions: Pairs, references: Pairs) -> None:
    """Refuse to compare lists of different length, which would pair texts that do not belong together.

    Raises:
        InputError: names both lengths.
    """
    if len(predictions) != len(references):
        raise InputError(f"{len(predictions)} predictions for {len(references)} references: they must pair one to one")


def higher_is_better(metric: str) -> bool:
    """Tell in which direction a metric improves."""
    return metric in ROUGE
