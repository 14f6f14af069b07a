import itertools

import pytest

from deepsynth.rendering.blocks import Block, plain_blocks
from deepsynth.rendering.layout import Layout
from deepsynth.rendering.shaping import Shaper, Style

LAYOUT = Layout(Shaper("mono", "und"), "und")


def drawn(text: str, **facts) -> list[str]:
    """The words of one line from left to right."""
    blocks = [Block(text, 0, len(text), **facts)] if facts else plain_blocks(text)
    (line,) = LAYOUT.lines(blocks, 100.0)
    known = {number: key for table in line.words._known for key, number in table.items()}
    order = [int(line.numbers[index]) for index in line.xs.argsort() if line.numbers[index]]
    return [key if isinstance(key := known[number], str) else "".join(text for text, _ in key) for number in order]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("אב גד הו", ["הו", "גד", "אב"]),
        ("אב cd ef גד", ["גד", "cd", "ef", "אב"]),
        ("ab אב גד cd", ["ab", "גד", "אב", "cd"]),
        ("ab cd אב", ["ab", "cd", "אב"]),
    ],
)
def test_words_stand_in_the_order_of_reading(text, expected):
    assert drawn(text) == expected


def test_styled_words_are_ordered_too():
    assert drawn("אב גד הו", styles=((3, Style()), (5, Style(bold=True)))) == ["הו", "גד", "אב"]


@pytest.mark.parametrize("text", ["אב גד הו", "אב cd ef גד"])
def test_no_word_covers_another(text):
    (line,) = LAYOUT.lines(plain_blocks(text), 30.0)
    spans = sorted(zip(line.xs, line.xs + line.words.facts[line.numbers, 0], strict=True))
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))
    assert spans[-1][1] == pytest.approx(30.0)
