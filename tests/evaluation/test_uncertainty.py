import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.evaluation.uncertainty import bootstrap, paired_difference


def test_the_interval_holds_the_mean_and_shrinks_with_rows():
    generator = np.random.default_rng(1)
    few, many = bootstrap(generator.normal(10, 2, 20)), bootstrap(generator.normal(10, 2, 2000))
    assert few.low < few.mean < few.high
    assert many.high - many.low < few.high - few.low
    assert many.n == 2000


def test_about_95_of_100_intervals_hold_the_truth():
    generator = np.random.default_rng(2)
    scores = [bootstrap(generator.normal(0, 1, 60), seed=number) for number in range(100)]
    assert 88 <= sum(score.low <= 0 <= score.high for score in scores) <= 100


def test_equal_rows_have_no_width():
    score = bootstrap(np.array([3.0, 3.0, 3.0]))
    assert (score.low, score.mean, score.high) == (3, 3, 3)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_no_rows_or_no_numbers_are_refused(values):
    with pytest.raises(InputError, match="at least one row"):
        bootstrap(np.array(values))


def test_a_pairwise_gain_is_clear_where_means_alone_would_not_be():
    generator = np.random.default_rng(3)
    base = generator.normal(50, 20, 200)
    gain = paired_difference(base + 1 + generator.normal(0, 1, 200), base)
    assert gain.clear
    assert gain.p_value < 0.05
    assert gain.mean == pytest.approx(1, abs=0.3)


def test_noise_is_no_difference():
    generator = np.random.default_rng(4)
    assert not paired_difference(generator.normal(0, 1, 200), generator.normal(0, 1, 200)).clear


def test_other_rows_cannot_be_paired():
    with pytest.raises(InputError, match="3 against 2"):
        paired_difference(np.zeros(3), np.zeros(2))
