import numpy as np
import pytest

from deepsynth.rendering.blocks import Block, Piece
from deepsynth.rendering.measuring import join_units, measure
from deepsynth.rendering.shaping import PLAIN, Shaper, Style
from deepsynth.rendering.words import Words

WORDS = Words(Shaper("mono", "und"))
LETTER = WORDS.width(WORDS.number("a"))


def whole(text: str, **facts) -> Piece:
    return Piece(Block(text, 0, len(text), **facts), 0, len(text))


def test_paragraphs_keep_their_own_units_when_measured_together():
    units, found = measure([whole("ab cd"), whole(""), whole("e  "), whole("")], WORDS, "en", None)
    assert [units.keys[item.first : item.end] for item in found] == [["ab", "cd"], [""], ["e"], [""]]
    assert units.lengths.tolist() == [3, 2, 0, 3, 0]
    assert units.blanks == pytest.approx(np.array([1, 0, 0, 2, 0]) * LETTER)


def test_a_tab_is_as_wide_as_four_blanks():
    units, _ = measure([whole("a\tb")], WORDS, "en", None)
    assert units.blanks == pytest.approx([4 * LETTER, 0])


def test_blanks_are_as_wide_as_their_style_says():
    large = Style(scale=2.0)
    units, _ = measure([whole("ab cd", styles=((3, large),))], WORDS, "en", None)
    assert units.keys == [(("ab", large),), "cd"]
    assert units.blanks == pytest.approx([2 * LETTER, 0])


def test_levels_and_directions_are_those_of_the_paragraph():
    units, (plain, mixed) = measure([whole("abc"), whole("אב cd")], WORDS, "he", None)
    assert (plain.base, plain.levels) == (0, b"")
    assert (mixed.base, mixed.levels) == (1, bytes([1, 1, 1, 2, 2]))
    assert units.rtl.tolist() == [False, True, False]


def test_a_piece_goes_on_at_the_level_of_its_paragraph():
    _, (item,) = measure([whole("abc.")], WORDS, "he", 1)
    assert item.levels == bytes([2, 2, 2, 1])


def test_soft_hyphens_are_told():
    units, _ = measure([whole("har\u00adbor", styles=((3, PLAIN), (6, Style(bold=True))))], WORDS, "en", None)
    assert units.soft.tolist() == [True, False]
    joined = join_units([units, units.part(1, 2)])
    assert joined.soft.tolist() == [True, False, False]
    assert joined.keys[2] == units.keys[1]
