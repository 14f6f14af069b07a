import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.evaluation.precision import precision_by_tokens, set_precision


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        ("the tide", "the tide is high", 100),
        ("is tide the high", "the tide is high", 100),
        ("the the the low", "the tide", 50),
        ("水位", "水を", 50),
        ("", "the tide", 0),
    ],
)
def test_precision_is_the_share_of_distinct_words_that_stand_there(read, text, expected):
    assert set_precision([read], [text])[0] == pytest.approx(expected)


def test_bins_hold_their_lower_edge_and_name_mean_and_compression():
    bins = precision_by_tokens(np.array([100.0, 50, 90, 10]), [600, 699, 700, 1300], [64, 64, 100, 100])
    assert [(found.low, found.high, found.pages) for found in bins] == [(600, 700, 2), (700, 800, 1)]
    assert bins[0].precision.mean == 75
    assert bins[0].compression == pytest.approx((600 / 64 + 699 / 64) / 2)


def test_edges_may_be_ones_own_and_must_rise():
    assert precision_by_tokens(np.array([10.0]), [5], [1], (0, 10))[0].pages == 1
    with pytest.raises(InputError, match="must rise"):
        precision_by_tokens(np.array([10.0]), [5], [1], (10, 0))


def test_counts_that_do_not_pair_are_refused():
    with pytest.raises(InputError, match="2 precisions, 1 counts"):
        precision_by_tokens(np.zeros(2), [5], [1, 1])
