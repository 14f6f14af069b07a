import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.evaluation import uncertainty
from deepsynth.evaluation.uncertainty import (
    bootstrap,
    bootstrap_all,
    paired_difference,
    seeds_difference,
    sign_flip_p_value,
)


def test_the_interval_holds_the_mean_and_shrinks_with_rows():
    generator = np.random.default_rng(1)
    few, many = bootstrap(generator.normal(10, 2, 20)), bootstrap(generator.normal(10, 2, 2000))
    assert few.low < few.mean < few.high
    assert many.high - many.low < few.high - few.low
    assert many.n == 2000


def test_the_interval_is_about_two_standard_errors_wide():
    values = np.random.default_rng(1).normal(0, 3, 400)
    score = bootstrap(values)
    assert score.high - score.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)


def test_about_95_of_100_intervals_hold_the_truth():
    generator = np.random.default_rng(2)
    scores = [bootstrap(generator.normal(0, 1, 60), seed=number) for number in range(100)]
    assert 88 <= sum(score.low <= 0 <= score.high for score in scores) <= 100


def test_columns_are_drawn_together_and_equal_those_drawn_alone(monkeypatch):
    generator = np.random.default_rng(3)
    columns = {"a": generator.normal(0, 1, 30), "b": generator.normal(5, 1, 30)}
    found = bootstrap_all(columns, seed=4)
    alone = {name: bootstrap(values, seed=4) for name, values in columns.items()}
    assert [(score.low, score.high) for score in found.values()] == [
        pytest.approx((score.low, score.high)) for score in alone.values()
    ]
    monkeypatch.setattr(uncertainty, "_NUMBERS_AT_ONCE", 100)
    in_portions = bootstrap_all(columns, seed=4)
    assert in_portions["a"].low == pytest.approx(found["a"].low)


def test_equal_rows_have_no_width():
    score = bootstrap(np.array([3.0, 3.0, 3.0]))
    assert (score.low, score.mean, score.high) == (3, 3, 3)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_no_rows_or_no_numbers_are_refused(values):
    with pytest.raises(InputError, match="at least one row"):
        bootstrap(np.array(values))


def test_columns_of_different_length_are_refused():
    with pytest.raises(InputError, match=r"equally many, not \[1, 2\]"):
        bootstrap_all({"a": np.zeros(1), "b": np.zeros(2)})


def test_a_pairwise_gain_is_clear_where_means_alone_would_not_be():
    generator = np.random.default_rng(3)
    base = generator.normal(50, 20, 200)
    gain = paired_difference(base + 1 + generator.normal(0, 1, 200), base)
    assert gain.clear
    assert gain.p_value < 0.05
    assert gain.mean == pytest.approx(1, abs=0.3)


def test_noise_is_no_difference():
    generator = np.random.default_rng(4)
    difference = paired_difference(generator.normal(0, 1, 200), generator.normal(0, 1, 200))
    assert not difference.clear
    assert difference.p_value > 0.05


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1, 1, 1], 2 / 8),  # all plus and all minus are as far from zero
        ([1, -1], 1),
        ([3, 1], 2 / 4),  # 4 and -4, of 4, 2, -2, -4
        ([2, 1, 0], 4 / 8),
        ([0, 0], 1),
    ],
)
def test_few_rows_are_tested_exactly(differences, expected):
    assert sign_flip_p_value(np.array(differences, dtype=float)) == pytest.approx(expected)


def test_many_rows_are_tested_by_chance_and_never_with_certainty():
    assert sign_flip_p_value(np.ones(40)) == pytest.approx(1 / 10_001)
    exact = sign_flip_p_value(np.array([3.0, 1, 1, -1, 2, 0, 1, 2, -1, 1, 1, 1]))
    drawn = sign_flip_p_value(np.array([3.0, 1, 1, -1, 2, 0, 1, 2, -1, 1, 1, 1, 0]))  # a row of 0 changes nothing
    assert drawn == pytest.approx(exact, abs=0.01)


def test_other_rows_cannot_be_paired():
    with pytest.raises(InputError, match="3 against 2"):
        paired_difference(np.zeros(3), np.zeros(2))


def test_one_seed_each_is_the_plain_paired_difference():
    generator = np.random.default_rng(5)
    first, second = generator.normal(1, 1, 50), generator.normal(0, 1, 50)
    assert seeds_difference([first], [second]) == paired_difference(first, second)


def test_seeds_that_disagree_widen_the_interval():
    generator = np.random.default_rng(6)
    base = generator.normal(30, 5, 100)
    steady = seeds_difference([base + 2, base + 2.1, base + 1.9], [base, base, base])
    shaky = seeds_difference([base + 8, base - 4, base + 2], [base, base, base])
    assert steady.mean == pytest.approx(shaky.mean)
    assert steady.clear
    assert not shaky.clear


def test_seeds_need_runs_of_the_same_rows():
    with pytest.raises(InputError, match="at least one run"):
        seeds_difference([], [np.zeros(2)])
    with pytest.raises(InputError, match=r"same rows: \[2, 3\]"):
        seeds_difference([np.zeros(2)], [np.zeros(3)])
