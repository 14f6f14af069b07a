"""Reading scores as the Fox benchmark counts them, by the number of tokens on the page.

The evaluation of Fox (Liu et al. 2024) compares *sets* of words: precision is the share of the distinct words read that stand
on the page. Order and repetition do not enter, so a shuffled transcript scores 100; the character error rate beside it does not
forgive that. Fox cuts Chinese with jieba; here characters of scripts without blanks stand alone, which is more lenient. The
compression study of DeepSeek-OCR reports precision on Fox's pages without printing a formula; that it is this one is inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from deepsynth.core.documents import Score
from deepsynth.core.errors import InputError
from deepsynth.evaluation.tokenizer import separate_characters
from deepsynth.evaluation.uncertainty import bootstrap

FOX_EDGES = (600, 700, 800, 900, 1000, 1100, 1200, 1300)
"""Borders of the paper's bins, in text tokens on the page."""


def set_precision(predictions: Sequence[str], references: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the percentage of the distinct words of each prediction that its reference holds; nothing read is 0."""
    return np.array([_precision(read, text) for read, text in zip(predictions, references, strict=True)])


def _precision(read: str, text: str) -> float:
    found, known = (set(separate_characters(item).split()) for item in (read, text))
    return 100 * len(found & known) / len(found) if found else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """The pages whose text has `low` to `high` tokens (`high` itself left out)."""

    low: int
    high: int
    pages: int
    precision: Score
    compression: float
    """Text tokens per visual token, the mean over the pages."""


def precision_by_tokens(
    precisions: npt.NDArray[np.float64],
    text_tokens: Sequence[int],
    visual_tokens: Sequence[int],
    edges: Sequence[int] = FOX_EDGES,
) -> list[Bin]:
    """Return the mean precision of the pages in each bin of text tokens; empty bins, and pages outside all, are left out.

    Raises:
        InputError: the three differ in length, or the edges do not rise.
    """
    if not len(precisions) == len(text_tokens) == len(visual_tokens):
        raise InputError(
            f"{len(precisions)} precisions, {len(text_tokens)} counts of text tokens and {len(visual_tokens)} of visual"
            " tokens do not pair"
        )
    if any(low >= high for low, high in pairwise(edges)):
        raise InputError(f"the edges of bins must rise, not {list(edges)}")
    tokens, ratios = np.asarray(text_tokens), np.asarray(text_tokens) / np.asarray(visual_tokens)
    found: list[Bin] = []
    for low, high in pairwise(edges):
        inside = (tokens >= low) & (tokens < high)
        if inside.any():
            score = bootstrap(precisions[inside])
            found.append(
                Bin(low=low, high=high, pages=score.n, precision=score, compression=float(ratios[inside].mean()))
            )
    return found
