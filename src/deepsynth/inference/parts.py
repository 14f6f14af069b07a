"""Documents longer than the model's window: shared out over several prompts, and what each sentence came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from deepsynth.core.documents import SourcedSentence

_SENTENCE = re.compile(r"(?<=[.!?\u2026\u3002\uff01\uff1f])\s+|\n+")
_WORD = re.compile(r"\w+")


def share_out(costs: Sequence[int], budget: int, most: int | None = None) -> list[range]:
    """Return ranges of neighbors, as few as fit `budget` (and `most` items each) and then as even as possible.

    An item that alone exceeds the budget gets a range of its own; whoever reads it will say so.
    """
    count = len(_fill(costs, budget, most))
    low, high = max(costs, default=0), max(budget, *costs, 0)
    while low < high:  # the smallest budget that still needs no more ranges
        middle = (low + high) // 2
        if len(_fill(costs, middle, most)) <= count:
            high = middle
        else:
            low = middle + 1
    return _fill(costs, low, most)


def _fill(costs: Sequence[int], budget: int, most: int | None) -> list[range]:
    found: list[range] = []
    start, total = 0, 0
    for number, cost in enumerate(costs):
        if number > start and (total + cost > budget or (most is not None and number - start >= most)):
            found.append(range(start, number))
            start, total = number, 0
        total += cost
    if len(costs) > start:
        found.append(range(start, len(costs)))
    return found


def split_text(text: str, budget: int, count_tokens: Callable[[str], int]) -> list[str]:
    """Return pieces of a text that cost at most `budget` tokens each, cut at blanks where there are any.

    The pieces join to the text.
    """
    if count_tokens(text) <= budget or len(text) < 2:
        return [text]
    middle = len(text) // 2
    blank = max(text.rfind("\n\n", middle // 2, middle) + 1, 0) or text.rfind(" ", 1, middle) + 1
    cut = blank or middle
    return [*split_text(text[:cut], budget, count_tokens), *split_text(text[cut:], budget, count_tokens)]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, as its marks divide it."""
    return [found for piece in _SENTENCE.split(text) if (found := piece.strip())]


def written_from(text: str, pages: Sequence[int]) -> tuple[SourcedSentence, ...]:
    """Return the sentences of an answer whose prompt held these pages."""
    return tuple(SourcedSentence(sentence=item, pages=tuple(pages), basis="prompt") for item in sentences(text))


def nearest_parts(text: str, parts: Sequence[tuple[str, Sequence[int]]]) -> tuple[SourcedSentence, ...]:
    """Return the sentences of an answer that was written from other answers, each with the pages of the nearest of these.

    Nearest is the one with the largest share of the sentence's words. A sentence without any word in common has all the
    pages behind it: they stood in its prompt's own sources, more is not known.
    """
    words = [set(_WORD.findall(part.casefold())) for part, _ in parts]
    everything = tuple(sorted({page for _, pages in parts for page in pages}))
    found: list[SourcedSentence] = []
    for sentence in sentences(text):
        mine = set(_WORD.findall(sentence.casefold()))
        shared = [len(mine & other) for other in words]
        best = max(shared, default=0)
        pages = tuple(parts[shared.index(best)][1]) if best else everything
        found.append(SourcedSentence(sentence=sentence, pages=pages, basis="words" if best else "prompt"))
    return tuple(found)
