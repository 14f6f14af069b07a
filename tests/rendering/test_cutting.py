import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering.blocks import Block, Piece, plain_blocks
from deepsynth.rendering.cutting import cut_wide, hyphenated, replaced
from deepsynth.rendering.hyphenation import hyphenator
from deepsynth.rendering.layout import Layout
from deepsynth.rendering.measuring import measure
from deepsynth.rendering.shaping import Shaper, Style
from deepsynth.rendering.words import Words

WORDS = Words(Shaper("mono", "en"))
LAYOUT = Layout(Shaper("mono", "en-US"), "en-US")
LETTER = WORDS.width(WORDS.number("a"))


def units_of(text: str, **facts):
    return measure([Piece(Block(text, 0, len(text), **facts), 0, len(text))], WORDS, "en", None)[0]


def lines(text: str, letters: int) -> list[str]:
    found = LAYOUT.lines(plain_blocks(text), (letters + 0.5) * LETTER, hyphenate=True)
    return [text[line.start : line.end] for line in found]


def test_wide_words_become_parts_that_fit_and_keep_their_blanks():
    units = units_of("ab abcdefg  cd")
    cut, shift = cut_wide(units, np.full(3, 3.5 * LETTER), WORDS, "en")
    assert cut.keys == ["ab", "abc", "def", "g", "cd"]
    assert cut.lengths.tolist() == [3, 3, 3, 3, 2]
    assert cut.blanks == pytest.approx(np.array([1, 0, 0, 2, 0]) * LETTER)
    assert shift == [0, 0, 2, 2]


def test_a_wide_word_of_styles_keeps_them():
    bold = Style(bold=True)
    cut, _ = cut_wide(units_of("abcd", styles=((2, bold),)), np.full(1, 1.5 * LETTER), WORDS, "en")
    assert cut.keys == [(("a", bold),), (("b", bold),), "c", "d"]


def test_letters_keep_their_marks():
    cut, _ = cut_wide(units_of("e\u0301\u0327" * 4), np.full(1, 0.1), WORDS, "en")
    assert cut.keys == ["e\u0301\u0327"] * 4


def test_as_much_of_a_word_as_fits_stays():
    unit = units_of("hyphenation ")
    for room, kept in ((12, "hyphen"), (6.5, "hy"), (2.5, None)):
        halves = hyphenated(unit, room * LETTER, WORDS, hyphenator("en-US"))
        assert (halves and halves.keys[0]) == kept
        if halves is not None:
            assert "".join(halves.keys) == "hyphenation"
            assert (halves.lengths.sum(), halves.soft.tolist()) == (12, [True, False])


def test_nothing_replaced_is_nothing_moved():
    units = units_of("a b")
    assert replaced(units, {}) == (units, [0, 0, 0])


def test_a_hyphen_is_drawn_and_is_no_part_of_the_text():
    assert lines("the hyphenation of text", 11) == ["the hyphen", "ation of ", "text"]
    first, *_ = LAYOUT.lines(plain_blocks("the hyphenation"), 11.5 * LETTER, hyphenate=True)
    assert first.numbers[-1] == first.words.number("-")
    assert max(first.xs + first.words.facts[first.numbers, 0]) == pytest.approx(11 * LETTER)


TEXTS = st.lists(
    st.sampled_from(["hyphenation", "university", "a", "representation,", "é", "שלום", "\n", "x" * 40]), max_size=30
)


@given(TEXTS, st.integers(4, 30))
def test_hyphenated_lines_hold_every_character_once_and_fit(words, letters):
    text = " ".join(words)
    assert "".join(lines(text, letters)) == text
    for line in LAYOUT.lines(plain_blocks(text), (letters + 0.5) * LETTER, hyphenate=True):
        assert max(line.xs + line.words.facts[line.numbers, 0], default=0.0) <= (letters + 0.5) * LETTER + 1e-9
    assert len(lines(text, letters)) <= len(list(LAYOUT.lines(plain_blocks(text), (letters + 0.5) * LETTER)))
