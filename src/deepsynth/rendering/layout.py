"""Text becomes lines: break opportunities from ICU, greedy filling, order by the bidirectional algorithm.

A line knows which characters of the source it holds; lines follow one another without a gap, so whatever is drawn can be
traced back, and nothing is lost between lines or pages. Lengths are whole multiples of one step (see `shaping.STEPS`), so
sums over a whole paragraph are exact, and a line breaks at the same place whatever stands before it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from deepsynth.rendering.blocks import Block, batches
from deepsynth.rendering.cutting import cut_wide, hyphenated, replaced
from deepsynth.rendering.hyphenation import Hyphenator, hyphenator
from deepsynth.rendering.measuring import Measured, Units, find_words, join_units, measure
from deepsynth.rendering.ordering import order_words
from deepsynth.rendering.shaping import Floats, Ints, Shaper
from deepsynth.rendering.words import Words


class Line(NamedTuple):
    """One line, ready to be placed. Lengths are in ems."""

    start: int
    end: int
    """Source characters [start, end)."""
    words: Words
    """The store that its numbers belong to."""
    numbers: Ints
    """Its words, in no particular order."""
    xs: Floats
    """Where each of them begins."""
    top: float
    bottom: float
    """Ink above and below the baseline (below is negative)."""
    scale: float = 1.0
    space: float = 0.0


class _Paragraph(NamedTuple):
    """Units [first, end) of a batch, which are broken into lines of their own."""

    block: Block
    first: int
    end: int
    start: int
    """Where the first unit stands in the block."""
    base: int
    """Level of the paragraph; odd: its lines begin at the right border."""
    levels: bytes
    """Levels of its characters; empty where all of them run from left to right."""
    width: float
    """Of its lines, in ems."""


class _Filled(NamedTuple):
    """Units [low, high) of a batch on one line."""

    paragraph: _Paragraph
    low: int
    high: int


class _Open(NamedTuple):
    """Units of a long paragraph whose line goes on in the next piece."""

    units: Units
    base: int
    levels: bytes


class Layout:
    """Breaks blocks into lines of a given width."""

    def __init__(self, shaper: Shaper, language: str) -> None:
        self._shaper = shaper
        self._language = language
        self._locale = "en" if language == "und" else language
        self._words = Words(shaper)
        self._blank = self._words.width(self._words.number(" "))
        self._hyphen = self._words.width(self._words.number("-"))

    def mean_advance(self, text: str) -> float:
        """Return the mean width of a character of `text`, in ems; that of a blank for no text."""
        words, found = self._store(), text.split()
        width = float(words.facts[words.find(found), 0].sum()) + self._blank * len(found)
        return width / max(1, len(text)) or self._blank

    def lines(self, blocks: Iterable[Block], width: float, *, hyphenate: bool = False) -> Iterator[Line]:
        """Yield the lines of `blocks` at a column of `width` ems; `hyphenate` also breaks words that do not fit.

        Raises:
            MissingExtraError: words are to be hyphenated, and the extra is not installed.
        """
        breaks = hyphenator(self._language) if hyphenate else None
        opened: _Open | None = None
        for pieces in batches(blocks):
            words = self._store()
            units, found = measure(pieces, words, self._locale, opened.base if opened else None)
            paragraphs = [_paragraph(item, width) for item in found]
            if opened is not None:
                units, paragraphs = _go_on(opened, units, paragraphs[0], words)
            limits = np.repeat([item.width for item in paragraphs], [item.end - item.first for item in paragraphs])
            units, shift = cut_wide(units, limits, words, self._locale)
            paragraphs = [_moved(item, shift) for item in paragraphs]
            units, filled = self._fill(units, paragraphs, words, breaks)
            opened = None
            if not pieces[-1].last:
                paragraph, low, high = filled.pop()
                before = int(units.lengths[:low].sum())
                opened = _Open(units.part(low, high), paragraph.base, paragraph.levels[before:])
            yield from self._lines(units, filled, words)

    def _store(self) -> Words:
        if self._words.full:
            self._words = Words(self._shaper)
        return self._words

    def _fill(
        self, units: Units, paragraphs: Sequence[_Paragraph], words: Words, breaks: Hyphenator | None
    ) -> tuple[Units, list[_Filled]]:
        """Return the units, and those [low, high) of each line: as many as fit; hyphenated words have become two."""
        widths = words.facts[units.numbers, 0]
        befores = np.cumsum(widths + units.blanks) - widths - units.blanks
        # a soft hyphen takes room at the end of a line, but none in its middle
        reaches = np.maximum.accumulate(befores + widths + units.soft * self._hyphen).tolist()
        starts: list[float] = befores.tolist()
        lines: list[tuple[_Paragraph, tuple[int, bool], tuple[int, bool]]] = []
        halves: dict[int, Units] = {}
        for paragraph in paragraphs:
            low, split = paragraph.first, False  # whether the line begins with the second half of its first unit
            while low < paragraph.end:
                start = starts[low] + (widths[low] - words.width(int(halves[low].numbers[1])) if split else 0.0)
                limit = start + paragraph.width
                high = max(low + 1, bisect.bisect_right(reaches, limit, low, paragraph.end))
                first, low, split = (low, split), high, False
                if breaks is not None and high < paragraph.end:
                    found = hyphenated(units.part(high, high + 1), limit - starts[high], words, breaks)
                    if found is not None:
                        halves[high], split = found, True
                lines.append((paragraph, first, (low, split)))
        units, shift = replaced(units, halves)
        return units, [
            _Filled(_moved(paragraph, shift), low + shift[low] + begun, high + shift[high] + cut)
            for paragraph, (low, begun), (high, cut) in lines
        ]

    def _lines(self, units: Units, filled: Sequence[_Filled], words: Words) -> Iterator[Line]:
        if not filled:
            return
        facts = words.facts.take(units.numbers[: filled[-1].high], axis=0)
        widths = facts[:, 0]
        lows, highs = np.array([(line.low, line.high) for line in filled]).T
        befores = np.cumsum(widths + units.blanks[: len(widths)]) - widths - units.blanks[: len(widths)]
        tops, scales = (np.maximum.reduceat(facts[:, n], lows).tolist() for n in (1, 3))
        bottoms = np.minimum.reduceat(facts[:, 2], lows).tolist()
        positions = [0, *np.cumsum(units.lengths).tolist()]
        soft: list[bool] = units.soft.tolist()
        within = befores - np.repeat(befores[lows], highs - lows)
        for (paragraph, low, high), *ink in zip(filled, tops, bottoms, scales, strict=True):
            offset = paragraph.start - positions[paragraph.first]
            start, end = positions[low] + offset, positions[high] + offset
            numbers, xs = units.numbers[low:high], within[low:high]
            if paragraph.levels:
                levels = paragraph.levels[start - paragraph.start : end - paragraph.start]
                numbers, xs, used = order_words(units.part(low, high), xs, levels, (paragraph.block, start), words)
                if paragraph.base % 2:
                    xs = xs + max(0.0, paragraph.width - used) - paragraph.block.indent
            elif soft[high - 1]:
                numbers, xs = _with(numbers, xs, words.number("-"), float(xs[-1] + widths[high - 1]))
            xs = xs + paragraph.block.indent if paragraph.block.indent else xs
            yield self._line(paragraph, (start, end), numbers, xs, ink, words)

    def _line(
        self, paragraph: _Paragraph, span: tuple[int, int], numbers: Ints, xs: Floats, ink: list[float], words: Words
    ) -> Line:
        block, (top, bottom, scale) = paragraph.block, ink
        first = span[0] == 0
        if first and block.bullet:
            number = words.number(block.bullet)
            width, high, low, size = words.facts[number].tolist()
            right = paragraph.base % 2 == 1
            x = paragraph.width + block.indent - width if right else block.indent - width - self._blank
            numbers, xs = _with(numbers, xs, number, x)
            top, bottom, scale = max(top, high), min(bottom, low), max(scale, size)
        start = block.start if first else block.offset(span[0])
        space = block.space if first else 0.0
        # a line of blanks alone has no size of its own
        return Line(start, block.offset(span[1]), words, numbers, xs, top, bottom, scale or 1.0, space)


def _with(numbers: Ints, xs: Floats, number: int, x: float) -> tuple[Ints, Floats]:
    return np.append(numbers, number), np.append(xs, x)


def _paragraph(item: Measured, width: float) -> _Paragraph:
    piece, block = item.piece, item.piece.block
    return _Paragraph(block, item.first, item.end, piece.low, item.base, item.levels, width - block.indent)


def _moved(paragraph: _Paragraph, shift: list[int]) -> _Paragraph:
    """Return a paragraph whose units were replaced by more (see `cutting.replaced`)."""
    first, end = paragraph.first, paragraph.end
    return paragraph._replace(first=first + shift[first], end=end + shift[end]) if shift[end] else paragraph


def _go_on(opened: _Open, units: Units, paragraph: _Paragraph, words: Words) -> tuple[Units, list[_Paragraph]]:
    """Return units and paragraph with what the piece before left open."""
    # the store may be another by now, so the words are looked up again
    carried = opened.units._replace(numbers=find_words(opened.units.keys, opened.units.rtl, words))
    before, here = int(carried.lengths.sum()), int(units.lengths.sum())
    levels = (opened.levels or bytes(before)) + (paragraph.levels or bytes(here))
    whole = join_units([carried, units])
    start = paragraph.start - before
    return whole, [paragraph._replace(end=len(whole.keys), start=start, levels=levels if any(levels) else b"")]
