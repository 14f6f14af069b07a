import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering import blocks, words
from deepsynth.rendering.blocks import Block, plain_blocks
from deepsynth.rendering.layout import Layout, Line
from deepsynth.rendering.shaping import Shaper, Style

LAYOUT = Layout(Shaper("mono", "und"), "und")
LETTER = LAYOUT.mean_advance("a") / 2  # a letter and a blank, both as wide


def reach(line: Line) -> float:
    """Where the words of a line end."""
    return max(line.xs + line.words.facts[line.numbers, 0])


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


def test_a_word_of_two_styles_is_not_broken_between_them():
    block = Block("aa bold", 0, 7, styles=((5, Style()), (7, Style(bold=True))))
    assert [(line.start, line.end) for line in LAYOUT.lines([block], 5.5 * LETTER)] == [(0, 3), (3, 7)]


def test_a_soft_hyphen_is_drawn_only_where_its_line_ends():
    text = "har\u00adbor"
    (whole,) = LAYOUT.lines(plain_blocks(text), 20 * LETTER)
    assert len(whole.words.glyphs(whole.numbers)[0]) == 6
    first, second = LAYOUT.lines(plain_blocks(text), 4.5 * LETTER)
    assert first.numbers[-1] == first.words.number("-")
    assert first.xs[-1] == pytest.approx(3 * LETTER)
    assert (text[first.start : first.end], text[second.start : second.end]) == ("har\u00ad", "bor")


def test_a_paragraph_of_many_pieces_keeps_its_direction_and_no_short_lines(monkeypatch):
    monkeypatch.setattr(blocks, "LONGEST_PIECE", 20)
    text = "שלום " + "abc " * 60
    found = list(LAYOUT.lines(plain_blocks(text), 20.0))
    for line in found:
        assert reach(line) == pytest.approx(20.0)
    plain = list(LAYOUT.lines(plain_blocks("abcd " * 60), 35.5 * LETTER))
    assert {line.end - line.start for line in plain} == {35, 20}


@pytest.mark.parametrize("base", "aא漢")
def test_a_long_run_is_not_cut_before_a_mark(monkeypatch, base):
    monkeypatch.setattr(blocks, "LONGEST_PIECE", 8)
    text = (base + "\u0301\u0327") * 30
    assert all(text[line.start] == base for line in LAYOUT.lines(plain_blocks(text), 5.0))


@given(st.text("ab \n-אב(", max_size=80), st.integers(1, 12))
def test_lines_follow_one_another_without_a_gap(text, letters):
    assert "".join(lines(text, letters)) == text


@given(st.text("abc ", max_size=60), st.integers(3, 12))
def test_no_line_is_wider_than_its_column(text, letters):
    width = (letters + 0.5) * LETTER
    for line in LAYOUT.lines(plain_blocks(text), width):
        assert reach(line) <= width


def test_right_to_left_lines_end_at_the_right_border():
    (line,) = LAYOUT.lines(plain_blocks("שלום"), 20.0)
    assert reach(line) == pytest.approx(20.0)


def test_a_styled_run_is_shaped_in_its_style():
    block = Block("big small", 0, 9, styles=((3, Style(scale=2.0)),))
    (line,) = LAYOUT.lines([block], 100.0)
    assert line.words.facts[line.numbers, 3].tolist() == [2.0, 1.0]
    assert line.scale == 2.0


def test_a_bullet_stands_in_the_indent():
    (line,) = LAYOUT.lines([Block("item", 2, 6, indent=2.0, bullet="•")], 100.0)
    assert {round(x, 3) for x in line.xs.tolist()} == {2.0, round(2.0 - 2 * LETTER, 3)}


@given(st.lists(st.text("ab שlongword-é\t漢", max_size=30), min_size=1, max_size=8), st.integers(3, 12))
def test_paragraphs_measured_together_break_as_each_alone(texts, letters):
    together = lines("\n".join(texts) + "\n", letters)
    assert together == [line for text in texts for line in lines(text + "\n", letters)]


def test_lines_of_a_store_that_was_full_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(blocks, "BATCH", 10)
    text = "one two three four five six seven eight nine ten\n" * 3
    plain = list(Layout(Shaper("mono", "und"), "und").lines(plain_blocks(text), 10.0))
    monkeypatch.setattr(words, "MOST_WORDS", 4)
    crowded = list(Layout(Shaper("mono", "und"), "und").lines(plain_blocks(text), 10.0))
    assert len({id(line.words) for line in crowded}) > 1
    for one, other in zip(plain, crowded, strict=True):
        assert (one.start, one.end, one.xs.tolist()) == (other.start, other.end, other.xs.tolist())
        assert (one.words.glyphs(one.numbers)[0] == other.words.glyphs(other.numbers)[0]).all()
