"""What a summary costs nothing to be: systems without a model, scored on the same rows in the same table.

A model that does not beat the first sentence has not learned to summarize; one that does not beat a random training summary
has not read the page. Baselines that may choose a length take the usual one of the training summaries.
"""

from __future__ import annotations

import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.data.tasks import Row
from deepsynth.evaluation.rouge import rouge_l
from deepsynth.evaluation.textrank import best_sentences
from deepsynth.evaluation.tokenizer import WORD, UnicodeTokenizer, sentences

Known = Example | Row
"""Training rows: only their texts and summaries are looked at."""
Baseline = Callable[[Sequence[Known], Sequence[Known], int], list[str]]
"""(rows to summarize, training rows, seed) -> one summary a row."""


def _text(example: Known) -> str:
    if not example.text:
        raise InputError(f"row {example.id!r} has no text, so no baseline can be made of it")
    return example.text


def lead(rows: Sequence[Known], _training: Sequence[Known], _seed: int) -> list[str]:
    """Return the first sentence of each document."""
    return _lead(rows, 1)


def lead_3(rows: Sequence[Known], _training: Sequence[Known], _seed: int) -> list[str]:
    """Return the first three sentences of each document, one a line."""
    return _lead(rows, 3)


def _lead(rows: Sequence[Known], count: int) -> list[str]:
    return ["\n".join(sentences(_text(row), row.language)[:count]) for row in rows]


def lead_words(rows: Sequence[Known], training: Sequence[Known], _seed: int) -> list[str]:
    """Return the beginning of each document, as many words as a training summary has on average."""
    count = round(statistics.fmean(len(_words(text)) for text in _summaries(training)))
    return [_first_words(_text(row), max(1, count)) for row in rows]


def _first_words(text: str, count: int) -> str:
    """Return the beginning of `text` up to the end of its word number `count`."""
    ends = [match.end() for match in WORD.finditer(text)]
    return text[: ends[count - 1]] if len(ends) >= count else text


def text_rank(rows: Sequence[Known], training: Sequence[Known], _seed: int) -> list[str]:
    """Return the heaviest sentences by TextRank, as many as a training summary usually has, one a line."""
    count = round(statistics.median(len(sentences(text)) for text in _summaries(training)))
    found: list[str] = []
    for row in rows:
        lines = sentences(_text(row), row.language)
        found.append("\n".join(lines[place] for place in best_sentences([_words(line) for line in lines], count)))
    return found


def _words(text: str) -> list[str]:
    return UnicodeTokenizer().tokenize(text)


def _summaries(training: Sequence[Known]) -> list[str]:
    found = [row.summary for row in training if row.summary]
    if not found:
        raise InputError("this baseline needs training rows with summaries")
    return found


_OPENING = re.compile(
    r"^(?:this (?:package|library|module|program|tool|is|provides|contains)\b(?: (?:provides|contains|is))?|"
    r"\S+ (?:is|provides|contains|are)\b)\s*(?:an?|the)?\s*",
    re.IGNORECASE,
)
STRIPPED_WORDS = 12


def stripped_lead(rows: Sequence[Known], training: Sequence[Known], seed: int) -> list[str]:
    """Return the first sentence without an opening such as `X is a`, at most 12 words of it: a strong, simple bar."""
    bare = [_OPENING.sub("", sentence).rstrip(".") for sentence in lead(rows, training, seed)]
    return [" ".join(text.split()[:STRIPPED_WORDS]) for text in bare]


def random_summary(rows: Sequence[Known], training: Sequence[Known], seed: int) -> list[str]:
    """Return the summary of a random training row for each document: what never reading the page gives."""
    return random.Random(seed).choices(_summaries(training), k=len(rows))


def nearest_summary(rows: Sequence[Known], training: Sequence[Known], _seed: int) -> list[str]:
    """Return the summary of the training document that shares the rarest words: what memory alone gives."""
    pool = [row for row in training if row.summary and row.text]
    if not pool:
        raise InputError("this baseline needs training rows with texts and summaries")
    bags = [frozenset(_words(_text(row))) for row in pool]
    frequency = Counter(word for bag in bags for word in bag)
    holders: dict[str, list[int]] = {}
    for number, bag in enumerate(bags):
        for word in bag:
            holders.setdefault(word, []).append(number)
    known = {word: (np.array(numbers), math.log(len(bags) / frequency[word])) for word, numbers in holders.items()}
    return [pool[_nearest(frozenset(_words(_text(row))), known, len(bags))].summary or "" for row in rows]


def _nearest(bag: frozenset[str], known: Mapping[str, tuple[npt.NDArray[np.int64], float]], count: int) -> int:
    overlap = np.zeros(count)
    for word in sorted(bag & known.keys()):  # in a fixed order: sums of floats depend on it
        numbers, weight = known[word]
        overlap[numbers] += weight
    return int(overlap.argmax())


def best_sentence(rows: Sequence[Known], _training: Sequence[Known], _seed: int) -> list[str]:
    """Return the document's sentence with the best ROUGE-L against the reference: the limit of copying one sentence."""
    return [_best(sentences(_text(row), row.language), row.summary or "") for row in rows]


def _best(candidates: list[str], reference: str) -> str:
    wanted = _words(reference)
    return max(candidates, key=lambda sentence: rouge_l(_words(sentence), wanted), default="")


RANDOM, NEAREST = "random training summary", "nearest training summary"
LEAD, LEAD_3, LEAD_WORDS = "lead-1 (first sentence)", "lead-3 (first sentences)", "lead, usual length"
STRIPPED, TEXT_RANK, ORACLE = "first sentence, stripped", "TextRank", "best sentence (oracle)"

BASELINES: Mapping[str, Baseline] = {
    RANDOM: random_summary,
    NEAREST: nearest_summary,
    TEXT_RANK: text_rank,
    LEAD: lead,
    LEAD_3: lead_3,
    LEAD_WORDS: lead_words,
    STRIPPED: stripped_lead,
    ORACLE: best_sentence,
}
"""Every baseline by the name that stands in the table."""

NEED_TRAINING = frozenset({RANDOM, NEAREST, TEXT_RANK, LEAD_WORDS})
"""Those that draw on training rows, or take their length from them."""
