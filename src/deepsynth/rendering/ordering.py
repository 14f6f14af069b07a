"""The words of a line with right-to-left text, in the order they are drawn."""

from __future__ import annotations

import re

import numpy as np

from deepsynth.rendering.bidi import visual_runs
from deepsynth.rendering.blocks import Block, split_styles
from deepsynth.rendering.measuring import BLANKS, Units
from deepsynth.rendering.shaping import TAB, Floats, Ints
from deepsynth.rendering.words import Words

_WORDS = re.compile(f"[{BLANKS}]+|[^{BLANKS}]+")


def order_words(
    units: Units, xs: Floats, levels: bytes, place: tuple[Block, int], words: Words
) -> tuple[Ints, Floats, float]:
    """Return the numbers of a line's words, where each begins, and the width of all, in ems from the line's left end.

    `xs` says where each unit would begin in the order of the text, `levels` the level of each character; `place` is the
    paragraph and where the line begins in it.
    """
    block, start = place
    text = block.text[start : start + len(levels)].rstrip()
    if not text:
        return units.numbers[:0], xs[:0], 0.0
    if not block.styles and levels.count(levels[0], 0, len(text)) == len(text):
        widths = words.facts[units.numbers, 0]
        used = float((xs + widths)[np.flatnonzero(units.numbers)[-1]])
        return units.numbers, used - xs - widths if levels[0] % 2 else xs, used
    return _by_runs(text, levels, place, words)


def _by_runs(text: str, levels: bytes, place: tuple[Block, int], words: Words) -> tuple[Ints, Floats, float]:
    numbers: list[int] = []
    xs: list[float] = []
    x = 0.0
    for start, end, level in visual_runs(levels[: len(text)], 0, len(text)):
        rtl = level % 2 == 1
        parts = list(split_styles(place[0], place[1] + start, text[start:end]))
        for part, style in reversed(parts) if rtl else parts:
            found = _WORDS.findall(part)
            for word in reversed(found) if rtl else found:
                if word[0] in BLANKS:
                    x += len(word.replace("\t", TAB)) * words.width(words.number(" ", style))
                else:
                    numbers.append(words.number(word, style, rtl=rtl))
                    xs.append(x)
                    x += words.width(numbers[-1])
    return np.array(numbers, np.int64), np.array(xs), x
