import pytest

from deepsynth.data.sources.debian.stanzas import reflow


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (" one\n two", "one two"),
        (" one\n .\n two", "one\n\ntwo"),
        (" one:\n  - a\n    b\n  - c", "one:\n- a b\n- c"),
        (" one\n  code line\n two", "one\ncode line two"),
        ("", ""),
    ],
)
def test_lines_are_joined_and_items_stand_alone(description, expected):
    assert reflow(description) == expected
