"""TextRank (Mihalcea and Tarau 2004): the sentences that share most words with the others, by the walk of PageRank.

Weights and damping are those of the sumy library, whose figures are often quoted; tests hold weights that it gave, and some
worked out by hand. sumy itself is not used: it pins an old setuptools and brings along a web client and an unmaintained reader
of HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DAMPING = 0.85
TOLERANCE = 1e-4
_SMALLEST = 1e-7


def rank_sentences(sentences: Sequence[Sequence[str]]) -> npt.NDArray[np.float64]:
    """Return the weight of each sentence, given as words; the weights sum to about 1.

    Two sentences are as near as the words that they share, divided by the sum of the logarithms of their lengths.
    """
    count = len(sentences)
    if not count:
        return np.zeros(0)
    columns = {word: number for number, word in enumerate(sorted({word for words in sentences for word in words}))}
    times = np.zeros((count, len(columns)))
    for row, words in enumerate(sentences):
        for word in words:
            times[row, columns[word]] += 1
    shared = times @ times.T
    logarithms = np.log(np.maximum(1, [len(words) for words in sentences]))
    lengths = logarithms[:, np.newaxis] + logarithms
    weights = np.divide(shared, lengths, out=shared.copy(), where=lengths > 0)
    weights /= weights.sum(axis=1, keepdims=True) + _SMALLEST
    transition = (1 - DAMPING) / count + DAMPING * weights
    rank = np.full(count, 1 / count)
    change = 1.0
    while change > TOLERANCE:
        following = transition.T @ rank
        change = float(np.linalg.norm(following - rank))
        rank = following
    return rank


def best_sentences(sentences: Sequence[Sequence[str]], count: int) -> list[int]:
    """Return the positions of the `count` heaviest sentences, in the order of the text; ties go to the earlier one."""
    order = np.argsort(-rank_sentences(sentences), kind="stable")[:count]
    return sorted(int(place) for place in order)
