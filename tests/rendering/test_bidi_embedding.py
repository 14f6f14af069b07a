"""Rules X1-X10 on classes alone; the official cases in test_bidi.py go through all of them."""

import pytest

from deepsynth.rendering.bidi_embedding import MAX_DEPTH, embedded_levels


def levels(types, paragraph=0):
    return list(embedded_levels(types, "a" * len(types), paragraph))


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("LjRdL", [0, 0, 1, 1, 0]),  # RLE R PDF: one odd level, and what X9 removes takes the level before it
        ("LkLdL", [0, 0, 1, 1, 0]),  # RLO: the letter inside counts as right to left
        ("LyRqL", [0, 0, 1, 0, 0]),  # RLI R PDI: the isolate's own marks stay outside
        ("LzRqL", [0, 0, 1, 0, 0]),  # FSI takes the direction of what it holds
        ("LzLqL", [0, 0, 2, 0, 0]),
        ("LyjRqL", [0, 0, 0, 3, 0, 0]),  # an embedding ends with the isolate that holds it
        ("dqL", [0, 0, 0]),  # ends without a beginning
    ],
)
def test_levels_follow_what_surrounds_a_character(types, expected):
    assert levels(types) == expected


def test_what_is_nested_too_deeply_adds_no_level_and_is_closed_all_the_same():
    deep = MAX_DEPTH + 20
    found = levels("j" * deep + "R" + "d" * deep + "L")
    assert max(found) <= MAX_DEPTH + 1
    assert found[-1] == 0
    found = levels("y" * deep + "R" + "q" * deep + "L")
    assert max(found) <= MAX_DEPTH + 1
    assert found[-1] == 0
