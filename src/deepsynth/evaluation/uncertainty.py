"""How sure a mean is: bootstrap intervals and paired tests over rows, seeded, without assumptions about distributions.

Rows are drawn anew 2,000 times; what is kept of a draw is how often each row came, so one matrix product gives the means of
any number of metrics and systems, all over the same draws. Differences are taken row by row before anything is drawn: two
systems on the same documents share most of their ups and downs. Their p-value is that of a permutation test, in which each
row's difference keeps or changes its sign by chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsynth.core.documents import Score
from deepsynth.core.errors import InputError

RESAMPLES = 2000
FLIPS = 10_000
CONFIDENCE = 0.95
EXACT_ROWS = 12
"""Up to so many rows every pattern of signs is tried, instead of random ones."""
_NUMBERS_AT_ONCE = 2**22

Values = npt.NDArray[np.float64]


def bootstrap(values: Values, *, seed: int = 0) -> Score:
    """Return the mean with its 95 % percentile interval from resampled rows.

    Raises:
        InputError: there is no row, or one is not a number.
    """
    return bootstrap_all({"": np.asarray(values, dtype=np.float64)}, seed=seed)[""]


def bootstrap_all(columns: Mapping[str, Values], *, seed: int = 0) -> dict[str, Score]:
    """Return the mean with its interval of each column of values; all over the same resampled rows.

    Raises:
        InputError: there is no row, one is not a number, or columns differ in length.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"scores over the same rows must be equally many, not {sorted(lengths)}")
    if lengths == {0} or not all(np.isfinite(values).all() for values in columns.values()):
        raise InputError("a score needs at least one row, and numbers in all of them")
    if not columns:
        return {}
    matrix = np.stack(list(columns.values()), axis=1)
    lows, highs = np.quantile(_resampled_means(matrix, seed), _tails(), axis=0)
    found: dict[str, Score] = {}
    for number, name in enumerate(columns):
        mean = float(matrix[:, number].mean())
        low, high = min(mean, float(lows[number])), max(mean, float(highs[number]))
        found[name] = Score(mean=mean, low=low, high=high, n=len(matrix))
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two systems differ on the same rows."""

    mean: float
    low: float
    high: float
    p_value: float
    """Two-sided, of the paired permutation test: how often chance alone gives a difference as large as this."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_difference(values: Values, others: Values, *, seed: int = 0) -> Difference:
    """Return mean(values - others) with its interval; rows must be the same in both.

    Raises:
        InputError: the two differ in length, or there is no row.
    """
    if values.shape != others.shape:
        raise InputError(f"paired scores need the same rows: {len(values)} against {len(others)}")
    differences = np.asarray(values - others, dtype=np.float64)
    score = bootstrap(differences, seed=seed)
    return Difference(
        mean=score.mean, low=score.low, high=score.high, p_value=sign_flip_p_value(differences, seed=seed)
    )


def seeds_difference(values: Sequence[Values], others: Sequence[Values], *, seed: int = 0) -> Difference:
    """Return how two recipes differ, each trained with several seeds and scored on the same rows.

    Both the rows and the seeds of each side are drawn anew, so a lucky seed widens the interval. The p-value is that of the
    rows, each with its mean over seeds.

    Raises:
        InputError: a side has no run, or runs differ in their number of rows.
    """
    if not values or not others:
        raise InputError("each side needs at least one run")
    if len({len(run) for run in (*values, *others)}) > 1:
        raise InputError(f"paired scores need the same rows: {[len(run) for run in (*values, *others)]}")
    sides = [np.stack(list(side)) for side in (values, others)]
    plain = paired_difference(sides[0].mean(axis=0), sides[1].mean(axis=0), seed=seed)
    if len(values) == len(others) == 1:
        return plain
    generator = np.random.default_rng(seed)
    rows = sides[0].shape[1]
    means: list[float] = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(0, rows, rows)
        first, second = (side[generator.integers(0, len(side), len(side))][:, drawn].mean() for side in sides)
        means.append(float(first - second))
    low, high = np.quantile(means, _tails())
    return Difference(mean=plain.mean, low=float(low), high=float(high), p_value=plain.p_value)


def sign_flip_p_value(differences: Values, *, seed: int = 0) -> float:
    """Return the share of sign patterns whose mean is at least as far from zero; exact up to `EXACT_ROWS` rows.

    Random patterns count the observed one in, so the value is never 0.
    """
    observed = abs(float(differences.sum())) * (1 - 1e-12)  # equal sums in another order must count as equal
    if len(differences) <= EXACT_ROWS:
        patterns = np.array(list(itertools.product((1.0, -1.0), repeat=len(differences))))
        return float((np.abs(patterns @ differences) >= observed).mean())
    generator = np.random.default_rng(seed)
    beyond = 0
    for count in _portions(FLIPS, len(differences)):
        signs = 1.0 - 2.0 * generator.integers(0, 2, (count, len(differences)), dtype=np.int8)
        beyond += int((np.abs(signs @ differences) >= observed).sum())
    return (beyond + 1) / (FLIPS + 1)


def _resampled_means(matrix: Values, seed: int) -> Values:
    """Return the column means of each draw of rows.

    *Shapes:* matrix (rows, columns); result (`RESAMPLES`, columns).
    """
    generator = np.random.default_rng(seed)
    rows = len(matrix)
    found: list[Values] = []
    for count in _portions(RESAMPLES, rows):
        drawn = generator.integers(0, rows, (count, rows))
        drawn += rows * np.arange(count)[:, np.newaxis]
        times = np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows)
        found.append(times @ matrix / rows)
    return np.concatenate(found)


def _portions(total: int, size: int) -> Iterator[int]:
    """Yield parts of `total` small enough that a matrix of that many rows of `size` numbers stays in memory."""
    portion = max(1, _NUMBERS_AT_ONCE // size)
    for start in range(0, total, portion):
        yield min(portion, total - start)


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
