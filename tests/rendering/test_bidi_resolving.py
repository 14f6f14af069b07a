"""Rules W1-W7, N0-N2, I1 and I2 one by one; the official cases in test_bidi.py join them."""

import pytest

from deepsynth.rendering.bidi_resolving import implicit_levels, resolve_sequence


def resolved(kinds, text=None, direction="L"):
    return resolve_sequence(kinds, kinds, text or "a" * len(kinds), (direction,) * 3)


@pytest.mark.parametrize(
    ("rule", "kinds", "direction", "expected"),
    [
        ("W1", "Rm", "L", "RR"),
        ("W1 after an isolate", "qm", "R", "RR"),
        ("W2", "AwE", "R", "RRN"),
        ("W4", "REsE", "R", "REEE"),
        ("W4 between Arabic numbers", "NcN", "R", "NNN"),
        ("W5", "RtE", "R", "REE"),
        ("W6", "RsR", "R", "RRR"),
        ("W7", "LwE", "L", "LLL"),
        ("N1", "RwR", "L", "RRR"),
        ("N1 beside a number", "RwE", "R", "RRE"),
        ("N2", "LwR", "L", "LLR"),
    ],
)
def test_each_rule_changes_what_it_should(rule, kinds, direction, expected):
    assert resolved(kinds, direction=direction) == expected, rule


@pytest.mark.parametrize(
    ("text", "kinds", "expected"),
    [
        ("(A)", "oRo", "RRR"),  # nothing of the embedding's direction inside, and R before: sos
        ("(a)", "oLo", "RLR"),  # L inside, but R stands before it
        ("(1)", "oEo", "RER"),
    ],
)
def test_brackets_take_one_direction(text, kinds, expected):
    assert resolved(kinds, text, "R") == expected


def test_levels_rise_by_the_class():
    assert list(implicit_levels("LREN", 0)) == [0, 1, 2, 2]
    assert list(implicit_levels("LREN", 1)) == [2, 1, 2, 2]
