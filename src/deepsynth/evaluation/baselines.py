"""What a summary costs nothing to be: systems without a model, scored on the same rows in the same table.

A model that does not beat the first sentence has not learned to summarize; one that does not beat a random training summary
has not read the page.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.data.tasks import Row
from deepsynth.evaluation.metrics import rouge
from deepsynth.evaluation.tokenizer import UnicodeTokenizer, sentences

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
    return [next(iter(sentences(_text(row), row.language)), "") for row in rows]


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
    pool = [row.summary for row in training if row.summary]
    if not pool:
        raise InputError("the random baseline needs training rows with summaries")
    return random.Random(seed).choices(pool, k=len(rows))


def nearest_summary(rows: Sequence[Known], training: Sequence[Known], _seed: int) -> list[str]:
    """Return the summary of the training document that shares the rarest words: what memory alone gives."""
    pool = [row for row in training if row.summary and row.text]
    if not pool:
        raise InputError("the nearest baseline needs training rows with texts and summaries")
    words = UnicodeTokenizer().tokenize
    bags = [frozenset(words(_text(row))) for row in pool]
    frequency = Counter(word for bag in bags for word in bag)
    weight = {word: math.log(len(bags) / count) for word, count in frequency.items()}
    holders: dict[str, list[int]] = {}
    for number, bag in enumerate(bags):
        for word in bag:
            holders.setdefault(word, []).append(number)
    return [pool[_nearest(frozenset(words(_text(row))), holders, weight, len(bags))].summary or "" for row in rows]


def _nearest(bag: frozenset[str], holders: Mapping[str, list[int]], weight: Mapping[str, float], count: int) -> int:
    overlap = [0.0] * count
    for word in bag & weight.keys():
        for number in holders[word]:
            overlap[number] += weight[word]
    return max(range(count), key=overlap.__getitem__)


def best_sentence(rows: Sequence[Known], _training: Sequence[Known], _seed: int) -> list[str]:
    """Return the document's sentence with the best ROUGE-L against the reference: the limit of copying one sentence."""
    return [_best(sentences(_text(row), row.language), row.summary or "") for row in rows]


def _best(candidates: list[str], reference: str) -> str:
    if not candidates:
        return ""
    scores = rouge(candidates, [reference] * len(candidates))["rougeL"]
    return candidates[int(scores.argmax())]


BASELINES: Mapping[str, Baseline] = {
    "random training summary": random_summary,
    "nearest training summary": nearest_summary,
    "lead-1 (first sentence)": lead,
    "first sentence, stripped": stripped_lead,
    "best sentence (oracle)": best_sentence,
}
"""Every baseline by the name that stands in the table, weakest first."""

RANDOM, LEAD, STRIPPED = "random training summary", "lead-1 (first sentence)", "first sentence, stripped"
