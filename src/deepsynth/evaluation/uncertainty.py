"""How sure a mean is: bootstrap intervals and paired tests over rows, seeded, without assumptions about distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsynth.core.documents import Score
from deepsynth.core.errors import InputError

RESAMPLES = 2000
CONFIDENCE = 0.95

Values = npt.NDArray[np.float64]


def bootstrap(values: Values, *, seed: int = 0) -> Score:
    """Return the mean with its 95 % percentile interval from resampled rows.

    Raises:
        InputError: there is no row, or one is not a number.
    """
    if not len(values) or not np.isfinite(values).all():
        raise InputError("a score needs at least one row, and numbers in all of them")
    low, high = np.quantile(_resampled_means(values, seed), _tails())
    mean = float(values.mean())
    return Score(mean=mean, low=min(mean, float(low)), high=max(mean, float(high)), n=len(values))


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two systems differ on the same rows."""

    mean: float
    low: float
    high: float
    p_value: float
    """Share of resamples on the other side of zero, two-sided."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_difference(values: Values, others: Values, *, seed: int = 0) -> Difference:
    """Return mean(values - others) with its interval; rows must be the same in both.

    Raises:
        InputError: the two differ in length.
    """
    if values.shape != others.shape:
        raise InputError(f"paired scores need the same rows: {len(values)} against {len(others)}")
    means = _resampled_means(values - others, seed)
    low, high = np.quantile(means, _tails())
    beyond = min(float((means <= 0).mean()), float((means >= 0).mean()))
    return Difference(
        mean=float((values - others).mean()), low=float(low), high=float(high), p_value=min(1.0, 2 * beyond)
    )


def _resampled_means(values: Values, seed: int) -> Values:
    generator = np.random.default_rng(seed)
    means = [values[generator.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    return np.array(means)


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
