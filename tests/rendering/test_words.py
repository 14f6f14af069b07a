import numpy as np
import pytest

from deepsynth.rendering.shaping import PLAIN, Shaper, Style
from deepsynth.rendering.words import EMPTY, Words

SHAPER = Shaper("sans", "und")


def test_a_word_is_one_number_however_it_is_asked_for():
    words = Words(SHAPER)
    numbers = words.find(["tide", "pool", "tide", "", "42"])
    assert numbers[0] == numbers[2] == words.number("tide")
    assert len(set(numbers.tolist())) == 4
    assert numbers[3] == EMPTY


def test_glyphs_come_back_word_by_word():
    words = Words(SHAPER)
    codes, places, counts = words.glyphs(words.find(["tide", "", "pool"]))
    alone = [SHAPER.shape(word) for word in ("tide", "pool")]
    assert counts.tolist() == [4, 0, 4]
    assert (codes == np.concatenate([shaped.codes for shaped in alone])).all()
    assert places == pytest.approx(np.concatenate([shaped.places for shaped in alone]), abs=1e-12)


@pytest.mark.parametrize("rtl", [False, True])
def test_a_word_of_parts_is_as_wide_as_its_parts_and_drawn_in_their_order(rtl):
    words = Words(SHAPER)
    bold = Style(bold=True, scale=2.0)
    number = int(words.find([(("ab", PLAIN), ("c", bold))], rtl=rtl)[0])
    first, second = SHAPER.shape("ab", rtl=rtl), SHAPER.shape("c", bold, rtl=rtl)
    assert words.width(number) == first.facts[0, 0] + second.facts[0, 0]
    assert words.facts[number, 3] == 2.0
    _, places, _ = words.glyphs(np.array([number]))
    assert places[0 if rtl else 2, 0] == (0.0 if rtl else first.facts[0, 0])


def test_a_store_keeps_what_it_holds_when_it_grows():
    words = Words(SHAPER)
    early = words.find(["tide"])
    before = words.glyphs(early)
    words.find([f"word{number}" for number in range(3000)])
    assert not words.full
    for one, other in zip(before, words.glyphs(early), strict=True):
        assert (one == other).all()
