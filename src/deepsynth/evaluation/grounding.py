"""What a summary takes from its document, and what it holds that the document does not: counted, without a model.

Novelty counts n-grams that are new; copied spans follow the extractive fragments of Grusky et al. 2018 (Newsroom): greedily,
the longest run of words that stands in the document, from left to right. Numbers and names that the document lacks are a proxy
for faithfulness, and no more: a summary may be false without them, and true with them (a sum, another spelling).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepsynth.evaluation.rouge import Words, ngrams

_NUMBER = re.compile(r"\d+(?:[.,’'\u00a0\u202f]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:[,’'\u00a0\u202f]\d{3})+")
_WORD = re.compile(r"[^\W\d_][\w’'-]*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:…。！？\n]\s*[\"'«„“”(\[]*\s*)$")


class DocumentIndex:
    """What is looked up in one document, gathered once for all systems."""

    def __init__(self, text: str, words: Words) -> None:
        self.words = list(words)
        self.numbers = frozenset(numbers(text))
        self._lower = text.lower()
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            self._places.setdefault(word, []).append(place)

    def holds_run(self, words: Words) -> bool:
        """Tell whether the document holds these words one after another."""
        run = list(words)
        return any(self.words[place : place + len(run)] == run for place in self._places.get(run[0], ()))

    def longest_span(self, words: Words, start: int) -> int:
        """Return the length of the longest run of `words` from `start` on that stands in the document."""
        best = 0
        for place in self._places.get(words[start], ()):
            length, room = 0, min(len(words) - start, len(self.words) - place)
            while length < room and words[start + length] == self.words[place + length]:
                length += 1
            best = max(best, length)
        return best

    def holds(self, name: str) -> bool:
        """Tell whether the document holds a word in any case, also inside a longer word."""
        return name.lower() in self._lower


def novelty(words: Words, document: DocumentIndex, size: int) -> float:
    """Return the percentage of n-grams that the document does not hold; 0 for a text too short to have any."""
    grams = list(ngrams(words, size))
    return 100 * sum(not document.holds_run(gram) for gram in grams) / len(grams) if grams else 0.0


def repetition(words: Words, size: int = 4) -> float:
    """Return the percentage of n-grams that occurred earlier in the same text."""
    grams = list(ngrams(words, size))
    return 100 * (1 - len(set(grams)) / len(grams)) if grams else 0.0


@dataclass(frozen=True, slots=True)
class Copied:
    """How much of a text is runs of its document."""

    spans: tuple[int, ...]
    """Lengths in words of the runs, from left to right; together with the new words they are the text."""
    total: int
    """Words of the text."""

    @property
    def coverage(self) -> float:
        """Percentage of words that stand in a copied run."""
        return 100 * sum(self.spans) / self.total if self.total else 0.0

    @property
    def density(self) -> float:
        """Mean length of the run that a word belongs to: 1 for single words, the text's length for one copied piece."""
        return sum(length * length for length in self.spans) / self.total if self.total else 0.0


def copied_spans(words: Words, document: DocumentIndex) -> Copied:
    """Return the runs of words that a text shares with its document, greedily from the left."""
    spans: list[int] = []
    place = 0
    while place < len(words):
        length = document.longest_span(words, place)
        if length:
            spans.append(length)
        place += max(1, length)
    return Copied(tuple(spans), len(words))


def numbers(text: str) -> list[str]:
    """Return the numbers of a text without the marks that group thousands: 1,000 and 1000 are the same."""
    return [re.sub(r"\D", "", item) if _GROUPED.fullmatch(item) else item for item in _NUMBER.findall(text)]


def names(text: str) -> list[str]:
    """Return what looks like names: words in capitals that do not open a sentence, and words with a capital inside.

    Scripts without capitals have none; German has all its nouns here.
    """
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match.group()
        opens = _SENTENCE_START.search(text[max(0, match.start() - 8) : match.start()]) is not None
        if any(letter.isupper() for letter in word[1:]) or (word[0].isupper() and not opens):
            found.append(word)
    return found


def unsupported(text: str, document: DocumentIndex) -> Mapping[str, Sequence[str]]:
    """Return the numbers and the names of a text that its document does not hold, each once."""
    return {
        "numbers": sorted({number for number in numbers(text) if number not in document.numbers}),
        "names": sorted({name for name in names(text) if not document.holds(name)}),
    }
