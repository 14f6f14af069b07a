"""Every metric by name, and scorers that cut each text once: a value for each row, so that means get intervals.

Shares run from 0 to 100; error rates are shares of the reference's length and may exceed 100. An empty prediction is scored
like any other text: its overlap is 0, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from deepsynth.core.errors import InputError
from deepsynth.evaluation import overlap
from deepsynth.evaluation.grounding import DocumentIndex, copied_spans, novelty, repetition, unsupported
from deepsynth.evaluation.precision import set_precision
from deepsynth.evaluation.rouge import rouge_l, rouge_lsum, rouge_n
from deepsynth.evaluation.tokenizer import PlainTokenizer, StemmedTokenizer, UnicodeTokenizer, sentences

Scores = npt.NDArray[np.float64]
Pairs = Sequence[str]
Better = Literal["higher", "lower", "neither"]

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
HEADLINE = "rougeL"
"""The metric of verdicts, plots and the frontier."""
STEMMED = "_stemmed"
"""Ending of the names of ROUGE with rouge-score's own English tokenizer and Porter stemmer, as papers report it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """How a metric is called and read."""

    head: str
    """What stands above its column."""
    help: str
    better: Better = "neither"


METRICS: Mapping[str, Metric] = {
    "rouge1": Metric(head="ROUGE-1", help="F1 of shared words", better="higher"),
    "rouge2": Metric(head="ROUGE-2", help="F1 of shared pairs of words", better="higher"),
    "rougeL": Metric(head="ROUGE-L", help="F1 of the longest common subsequence", better="higher"),
    "rougeLsum": Metric(head="ROUGE-Lsum", help="ROUGE-L sentence by sentence; papers often call it L", better="higher"),
    "chrf": Metric(head="chrF", help="F2 of shared character n-grams, by sacrebleu, mean over rows", better="higher"),
    "bleu": Metric(head="BLEU", help="sentence BLEU by sacrebleu, mean over rows", better="higher"),
    "similarity": Metric(head="Similarity", help="cosine of sentence embeddings, times 100", better="higher"),
    "words": Metric(head="Words", help="words of the summary"),
    "length": Metric(head="Length %", help="words of the summary as a share of the reference's"),
    "novel_unigrams": Metric(head="New words %", help="words that the document does not hold"),
    "novel_bigrams": Metric(head="New 2-grams %", help="pairs of words that the document does not hold"),
    "novel_trigrams": Metric(head="New 3-grams %", help="triples of words that the document does not hold"),
    "copied": Metric(head="Copied %", help="words inside runs that stand in the document (Grusky's coverage)"),
    "copied_span": Metric(head="Copied span", help="mean length of the run a word belongs to (Grusky's density)"),
    "repetition": Metric(head="Repeated %", help="4-grams that came before in the same summary", better="lower"),
    "unsupported_numbers": Metric(
        head="Foreign numbers", help="numbers per summary that its document lacks: a proxy for faithfulness", better="lower"
    ),
    "unsupported_names": Metric(
        head="Foreign names", help="capitalized words per summary that its document lacks: a proxy for faithfulness",
        better="lower",
    ),
    **{
        name + STEMMED: Metric(head=f"{head} (stemmed)", help="English words with Porter's stemmer", better="higher")
        for name, head in zip(ROUGE, ("ROUGE-1", "ROUGE-2", "ROUGE-L", "ROUGE-Lsum"), strict=True)
    },
    "cer": Metric(head="CER %", help="wrong characters, as a share of the page's", better="lower"),
    "wer": Metric(head="WER %", help="wrong words, as a share of the page's", better="lower"),
    "precision": Metric(head="Precision %", help="distinct words read that stand on the page (Fox)", better="higher"),
}  # fmt: skip
"""Every metric that a report can hold, in the order of its columns."""


class SummaryScorer:
    """References and documents, cut once; scores any number of systems on the same rows."""

    def __init__(
        self,
        references: Pairs,
        documents: Pairs,
        *,
        stemmed: bool = False,
        bleu_tokenizer: overlap.BleuTokenizer | None = None,
    ) -> None:
        """`stemmed` adds ROUGE as English papers report it; without `bleu_tokenizer` the references decide.

        Raises:
            InputError: the two differ in length.
        """
        check_lengths(documents, references, "documents")
        words = UnicodeTokenizer()
        self._references = list(references)
        self._bleu_tokenizer: overlap.BleuTokenizer = bleu_tokenizer or overlap.bleu_tokenizer(references)
        self._rouge = {"": RougeScorer(references, words)}
        if stemmed:
            self._rouge[STEMMED] = RougeScorer(references, StemmedTokenizer())
        self._documents = [DocumentIndex(text, words.tokenize(text)) for text in documents]

    def score(self, predictions: Pairs) -> dict[str, Scores]:
        """Return every metric by name, one value a row.

        Raises:
            InputError: there are more or fewer predictions than references.
        """
        check_lengths(predictions, self._references)
        scores: dict[str, Scores] = {}
        for ending, scorer in self._rouge.items():
            scores |= {name + ending: values for name, values in scorer.score(predictions).items()}
        scores["chrf"] = overlap.chrf(predictions, self._references)
        scores["bleu"] = overlap.bleu(predictions, self._references, self._bleu_tokenizer)
        scores |= self._grounding(predictions)
        return {name: scores[name] for name in METRICS if name in scores}

    def _grounding(self, predictions: Pairs) -> dict[str, Scores]:
        """Return what a summary is by itself and beside its document."""
        wanted = np.maximum(1, self._rouge[""].lengths)
        rows: list[dict[str, float]] = []
        for text, document in zip(predictions, self._documents, strict=True):
            words = UnicodeTokenizer().tokenize(text)
            copied, foreign = copied_spans(words, document), unsupported(text, document)
            rows.append(
                {
                    "words": len(words),
                    "novel_unigrams": novelty(words, document, 1),
                    "novel_bigrams": novelty(words, document, 2),
                    "novel_trigrams": novelty(words, document, 3),
                    "copied": copied.coverage,
                    "copied_span": copied.density,
                    "repetition": repetition(words),
                    "unsupported_numbers": len(foreign["numbers"]),
                    "unsupported_names": len(foreign["names"]),
                }
            )
        found = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in (rows[0] if rows else ())}
        return found | ({"length": 100 * found["words"] / wanted} if rows else {})


ROWS_AT_ONCE = 512


def score_systems(
    systems: Mapping[str, Pairs], references: Pairs, documents: Pairs, *, stemmed: bool = False
) -> dict[str, dict[str, Scores]]:
    """Return every metric of several systems on the same rows: system -> metric -> one value a row.

    Rows are taken some hundreds at a time, so that the words of long documents never lie in memory all at once.

    Raises:
        InputError: a system has more or fewer predictions than there are references; names it.
    """
    for name, predictions in systems.items():
        check_lengths(predictions, references, f"predictions of {name!r}" if len(systems) > 1 else "predictions")
    check_lengths(documents, references, "documents")
    parts: dict[str, list[dict[str, Scores]]] = {name: [] for name in systems}
    tokenizer = overlap.bleu_tokenizer(references)
    for start in range(0, len(references), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        scorer = SummaryScorer(references[rows], documents[rows], stemmed=stemmed, bleu_tokenizer=tokenizer)
        for name, predictions in systems.items():
            parts[name].append(scorer.score(predictions[rows]))
    return {
        name: {metric: np.concatenate([part[metric] for part in found]) for metric in (found[0] if found else ())}
        for name, found in parts.items()
    }


class RougeScorer:
    """References cut once by one tokenizer."""

    def __init__(self, references: Pairs, tokenizer: PlainTokenizer) -> None:
        self._tokenizer = tokenizer
        self._references = [self._cut(text) for text in references]
        self.lengths = np.array([len(words) for words, _ in self._references])
        """Words of each reference."""

    def _cut(self, text: str) -> tuple[list[str], list[list[str]]]:
        tokenize = self._tokenizer.tokenize
        return tokenize(text), [tokenize(sentence) for sentence in sentences(text)]

    def score(self, predictions: Pairs) -> dict[str, Scores]:
        """Return ROUGE-1, -2, -L and -Lsum of each row."""
        rows = [
            _rouge(self._cut(text), reference) for text, reference in zip(predictions, self._references, strict=True)
        ]
        return dict(zip(ROUGE, np.array(rows, dtype=np.float64).reshape(-1, len(ROUGE)).T, strict=True))


def _rouge(prediction: tuple[list[str], list[list[str]]], reference: tuple[list[str], list[list[str]]]) -> list[float]:
    (words, lines), (wanted, wanted_lines) = prediction, reference
    return [
        rouge_n(words, wanted, 1), rouge_n(words, wanted, 2), rouge_l(words, wanted), rouge_lsum(lines, wanted_lines),
    ]  # fmt: skip


def rouge(predictions: Pairs, references: Pairs, *, stemmed: bool = False) -> dict[str, Scores]:
    """Return the F1 of ROUGE-1, -2, -L and -Lsum of each pair, times 100; an empty prediction scores 0.

    Raises:
        InputError: the two differ in length.
    """
    check_lengths(predictions, references)
    return RougeScorer(references, StemmedTokenizer() if stemmed else UnicodeTokenizer()).score(predictions)


def score_readings(predictions: Pairs, references: Pairs) -> dict[str, Scores]:
    """Return every metric of transcripts by name, one value a row.

    Raises:
        InputError: the two differ in length.
    """
    check_lengths(predictions, references)
    return {
        "cer": character_error_rate(predictions, references),
        "wer": word_error_rate(predictions, references),
        "precision": set_precision(predictions, references),
    }


def character_error_rate(predictions: Pairs, references: Pairs) -> Scores:
    """Return the edit distance of each pair in characters, as a percentage of the reference's length."""
    check_lengths(predictions, references)
    return _error_rate(predictions, references)


def word_error_rate(predictions: Pairs, references: Pairs) -> Scores:
    """Return the edit distance of each pair in words, as a percentage of the reference's length."""
    check_lengths(predictions, references)
    words = UnicodeTokenizer().tokenize
    return _error_rate([words(text) for text in predictions], [words(text) for text in references])


def _error_rate(predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> Scores:
    distances = [Levenshtein.distance(one, two) for one, two in zip(predictions, references, strict=True)]
    return 100 * np.array(distances, dtype=np.float64) / np.array([max(1, len(text)) for text in references])


def check_lengths(predictions: Pairs, references: Pairs, what: str = "predictions") -> None:
    """Refuse to compare lists of different length, which would pair texts that do not belong together.

    Raises:
        InputError: names both lengths.
    """
    if len(predictions) != len(references):
        raise InputError(f"{len(predictions)} {what} for {len(references)} references: they must pair one to one")
