import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering.layout import Block, Layout, plain_blocks
from deepsynth.rendering.shaping import Shaper, Style

SHAPER = Shaper("mono", "und")
LAYOUT = Layout(SHAPER, "und")
LETTER = SHAPER.shape("a").advance


def lines(text: str, letters: int) -> list[str]:
    width = (letters + 0.5) * LETTER
    return [text[line.start : line.end] for line in LAYOUT.lines(plain_blocks(text), width)]


def test_lines_break_at_blanks_and_hold_what_fits():
    assert lines("aa bb cc dd", 5) == ["aa bb ", "cc dd"]


def test_blanks_at_the_end_of_a_line_take_no_room():
    assert lines("aaaaa     bb", 5) == ["aaaaa     ", "bb"]


def test_line_feeds_end_lines_and_belong_to_them():
    assert lines("a\n\nb\n", 5) == ["a\n", "\n", "b\n"]


def test_a_long_word_is_cut_and_its_rest_goes_on():
    assert lines("aaaaaaa b", 5) == ["aaaaa", "aa b"]


def test_japanese_keeps_small_kana_with_their_syllable():
    assert lines("あああギュッと", 9)[0] == "あああ"  # room for a fourth letter, but not for the syllable


@given(st.text("ab \n-אב(", max_size=80), st.integers(1, 12))
def test_lines_follow_one_another_without_a_gap(text, letters):
    assert "".join(lines(text, letters)) == text


@given(st.text("abc ", max_size=60), st.integers(3, 12))
def test_no_line_is_wider_than_its_column(text, letters):
    width = (letters + 0.5) * LETTER
    for line in LAYOUT.lines(plain_blocks(text), width):
        assert all(x + shaped.advance <= width + 1e-9 for shaped, x in line.pieces)


def test_right_to_left_lines_end_at_the_right_border():
    (line,) = LAYOUT.lines(plain_blocks("שלום"), 20.0)
    shaped, x = line.pieces[0]
    assert x + shaped.advance == pytest.approx(20.0)


def test_a_styled_run_is_shaped_in_its_style():
    block = Block("big small", 0, 9, styles=((3, Style(scale=2.0)),))
    (line,) = LAYOUT.lines([block], 100.0)
    assert [shaped.scale for shaped, _ in line.pieces] == [2.0, 1.0]
    assert line.scale == 2.0


def test_a_bullet_stands_in_the_indent():
    (line,) = LAYOUT.lines([Block("item", 2, 6, indent=2.0, bullet="•")], 100.0)
    assert {round(x, 3) for _, x in line.pieces} == {2.0, round(2.0 - 2 * LETTER, 3)}
