"""Text becomes lines: break opportunities from ICU, greedy filling, order by the bidirectional algorithm.

A line knows which characters of the source it holds; lines follow one another without a gap, so whatever is drawn can be
traced back, and nothing is lost between lines or pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from icu4py.breakers import CharacterBreaker, LineBreaker

from deepsynth.rendering.bidi import bidi_levels, needs_bidi, visual_runs
from deepsynth.rendering.recent import Recent
from deepsynth.rendering.shaping import PLAIN, Shaped, Shaper, Style, joins

TAB = "    "
"""A tab is drawn as wide as this."""

BLANKS = " \t\u3000"
"""Blanks at which a line may end; they are not drawn, and take no room at its end."""

SOFT_HYPHEN = "\u00ad"

_WORDS = re.compile(f"[{BLANKS}]+|[^{BLANKS}]+")

CACHED_UNITS = 30_000

LONGEST_PIECE = 8000
"""Paragraphs are laid out in pieces of about so many characters where they are longer: ICU and the bidirectional
algorithm then take linear time and bounded memory on a text of one endless line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph: text without line feeds, and where it stands in the source."""

    text: str
    start: int
    """Offset of its first character in the source."""
    end: int
    """Offset behind its last character and what separates it from the next block."""
    styles: tuple[tuple[int, Style], ...] = ()
    """(end within the text, style) in order; text behind the last is plain."""
    indent: float = 0.0
    """Left border in ems."""
    bullet: str = ""
    """Drawn in the indent of the first line."""
    space: float = 0.0
    """Empty height before it, in ems."""
    offsets: Sequence[int] | None = field(default=None, compare=False)
    """Source offset of each character, where text and source differ (markup); else `start` plus the position."""

    def offset(self, position: int) -> int:
        """Return where character `position` of the text stands in the source."""
        if position >= len(self.text):
            return self.end
        return self.start + position if self.offsets is None else self.offsets[position]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ready to be placed. Lengths are in ems."""

    start: int
    end: int
    """Source characters [start, end)."""
    pieces: tuple[tuple[Shaped, float], ...]
    """Shaped text and its x."""
    top: float
    bottom: float
    """Ink above and below the baseline (below is negative)."""
    scale: float = 1.0
    space: float = 0.0


class _Unit(NamedTuple):
    """Text that is not broken (a word, a Chinese character) with the blanks that follow it."""

    pieces: tuple[tuple[Shaped, float], ...]
    """One piece for each style, and its x."""
    width: float
    """Without the blanks, but with the hyphen that a soft hyphen may need."""
    advance: float
    """With the blanks, and without the hyphen."""
    length: int
    """Characters."""
    soft: bool
    """Whether it ends with a soft hyphen, drawn only where the line ends behind it."""


_Parts = tuple[tuple[str, Style], ...]


@dataclass(slots=True)
class _Levels:
    """The levels of a paragraph with right-to-left text, as far as it was read."""

    base: int | None = None
    values: bytearray = field(default_factory=bytearray)


class Layout:
    """Breaks blocks into lines of a given width."""

    def __init__(self, shaper: Shaper, language: str) -> None:
        self._shaper = shaper
        self._locale = "en" if language == "und" else language
        self._blank = shaper.shape(" ").advance
        self._hyphen = shaper.shape("-")
        self._units: tuple[Recent[str | _Parts, _Unit], ...] = (Recent(CACHED_UNITS), Recent(CACHED_UNITS))
        """By direction: left to right, right to left."""

    def mean_advance(self, text: str) -> float:
        """Return the mean width of a character of `text`, in ems; that of a blank for no text."""
        words = text.split()
        width = sum(self._shaper.shape(word).advance for word in words) + self._blank * len(words)
        return width / max(1, len(text)) or self._blank

    def lines(self, blocks: Iterable[Block], width: float) -> Iterator[Line]:
        """Yield the lines of `blocks` at a column of `width` ems."""
        for block in blocks:
            yield from self._block_lines(block, width)

    def _block_lines(self, block: Block, width: float) -> Iterator[Line]:
        if not block.text:
            yield Line(block.start, block.end, (), 0.0, 0.0, space=block.space)
            return
        levels = _Levels() if needs_bidi(block.text) else None
        first = True
        for start, end, units in self._fill(self._broken(block, levels), width - block.indent):
            yield self._line(block, (start, end), units, levels, width, first=first)
            first = False

    def _broken(self, block: Block, levels: _Levels | None) -> Iterator[tuple[str | _Parts, _Unit]]:
        """Yield each unit beside what it was made from; levels grow as the text is read."""
        for low, high in _pieces(block.text):
            part = block.text[low:high]
            chunks: list[str] = list(LineBreaker(part, self._locale))
            if levels is not None:
                levels.base, values = bidi_levels(part, levels.base)
                levels.values.extend(values)
            if levels is None and not block.styles:
                yield from zip(chunks, self._known(chunks, rtl=False), strict=True)
            else:
                yield from self._broken_by_style(block, chunks, low, levels)

    def _broken_by_style(
        self, block: Block, chunks: list[str], position: int, levels: _Levels | None
    ) -> Iterator[tuple[str | _Parts, _Unit]]:
        by_direction: tuple[list[str | _Parts], list[str | _Parts]] = ([], [])
        directions: list[bool] = []
        for chunk in chunks:
            rtl = levels is not None and levels.values[position] % 2 == 1
            by_direction[rtl].append(tuple(_split_styles(block, position, chunk)) if block.styles else chunk)
            directions.append(rtl)
            position += len(chunk)
        units = [zip(sources, self._known(sources, rtl=rtl), strict=True) for rtl, sources in enumerate(by_direction)]
        for rtl in directions:
            yield next(units[rtl])

    def _known(self, sources: Sequence[str | _Parts], *, rtl: bool | int) -> list[_Unit]:
        """Return the unit of each source; the words that were not met before are shaped together."""
        units = list(map(self._units[rtl].__getitem__, sources))
        if None not in units:
            return cast("list[_Unit]", units)
        unseen = {source for source, unit in zip(sources, units, strict=True) if unit is None}
        self._shaper.learn(sorted({s.rstrip(BLANKS) for s in unseen if isinstance(s, str)}), rtl=bool(rtl))
        made = {source: self._new_unit(source, rtl=bool(rtl)) for source in unseen}
        return [made[source] if unit is None else unit for source, unit in zip(sources, units, strict=True)]

    def _new_unit(self, source: str | _Parts, *, rtl: bool) -> _Unit:
        parts = ((source, PLAIN),) if isinstance(source, str) else source
        return self._units[rtl].put(source, self._unit(parts, rtl=rtl))

    def _unit(self, parts: _Parts, *, rtl: bool = False) -> _Unit:
        pieces: list[tuple[Shaped, float]] = []
        x = width = 0.0
        for text, style in parts:
            word = text.rstrip(BLANKS)
            if word:
                shaped = self._shaper.shape(word.replace("\t", TAB), style, rtl=rtl)
                pieces.append((shaped, x))
                x += shaped.advance
                width = x
            x += self._blanks(text[len(word) :], style)
        soft = parts[-1][0].endswith(SOFT_HYPHEN)
        width += self._hyphen.advance if soft else 0.0
        return _Unit(tuple(pieces), width, x, sum(len(text) for text, _ in parts), soft)

    def _blanks(self, text: str, style: Style) -> float:
        """Return the width of blanks."""
        return len(text.replace("\t", TAB)) * self._shaper.shape(" ", style).advance if text else 0.0

    def _fill(
        self, units: Iterator[tuple[str | _Parts, _Unit]], width: float
    ) -> Iterator[tuple[int, int, list[_Unit]]]:
        """Yield (start, end, units) of each line: as many units as fit, and of a longer one as many letters as fit."""
        line: list[_Unit] = []
        x, start, position = 0.0, 0, 0
        for source, whole in units:
            for unit in (whole,) if whole.width <= width else self._cut(source, width):
                if line and x + unit.width > width:
                    yield start, position, line
                    line, x, start = [], 0.0, position
                line.append(unit)
                x += unit.advance
                position += unit.length
        if line:
            yield start, position, line

    def _cut(self, source: str | _Parts, width: float) -> Iterator[_Unit]:
        """Cut a word that is wider than the line, never inside a letter with its marks."""
        for whole, style in ((source, PLAIN),) if isinstance(source, str) else source:
            text, x = "", 0.0
            for letter in CharacterBreaker(whole, self._locale):
                advance = self._shaper.shape(letter.replace("\t", TAB), style).advance
                if text and x + advance > width:
                    yield self._unit(((text, style),))
                    text, x = "", 0.0
                text += letter
                x += advance
            yield self._unit(((text, style),))

    def _line(
        self,
        block: Block,
        span: tuple[int, int],
        units: list[_Unit],
        levels: _Levels | None,
        width: float,
        *,
        first: bool,
    ) -> Line:
        right = levels is not None and levels.base == 1
        if levels is None:
            pieces = self._straight(units, block.indent)
        else:
            placed, used = self._reordered(block, span, levels.values)
            left = max(0.0, width - block.indent - used) if right else block.indent
            pieces = [(shaped, x + left) for shaped, x in placed]
        if first and block.bullet:
            bullet = self._shaper.shape(block.bullet)
            pieces.append((bullet, width - bullet.advance if right else block.indent - bullet.advance - self._blank))
        return Line(
            start=block.offset(span[0]),
            end=block.offset(span[1]),
            pieces=tuple(pieces),
            top=max([shaped.top for shaped, _ in pieces], default=0.0),
            bottom=min([shaped.bottom for shaped, _ in pieces], default=0.0),
            scale=max([shaped.scale for shaped, _ in pieces], default=1.0),
            space=block.space if first else 0.0,
        )

    def _straight(self, units: list[_Unit], x: float) -> list[tuple[Shaped, float]]:
        placed: list[tuple[Shaped, float]] = []
        for unit in units:
            for shaped, within in unit.pieces:
                placed.append((shaped, x + within))
            x += unit.advance
        if units[-1].soft:
            placed.append((self._hyphen, x))
        return placed

    def _reordered(
        self, block: Block, span: tuple[int, int], levels: bytearray
    ) -> tuple[list[tuple[Shaped, float]], float]:
        """Return the words of a line in the order they are drawn, with their x, and the width of all."""
        end = span[0] + len(block.text[span[0] : span[1]].rstrip())
        placed: list[tuple[Shaped, float]] = []
        x = 0.0
        for start, stop, level in visual_runs(levels, span[0], end):
            rtl = level % 2 == 1
            parts = list(_split_styles(block, start, block.text[start:stop]))
            for text, style in reversed(parts) if rtl else parts:
                words = _WORDS.findall(text)
                for word in reversed(words) if rtl else words:
                    if word[0] in BLANKS:
                        x += self._blanks(word, style)
                    else:
                        shaped = self._shaper.shape(word, style, rtl=rtl)
                        placed.append((shaped, x))
                        x += shaped.advance
        return placed, x


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges in which a paragraph is laid out: whole if short, else cut behind blanks, or between letters."""
    start = 0
    while len(text) - start > 2 * LONGEST_PIECE:
        end = text.rfind(" ", start + LONGEST_PIECE, start + 2 * LONGEST_PIECE) + 1
        if not end:
            end = start + 2 * LONGEST_PIECE
            while end > start + LONGEST_PIECE and joins(text[end]):
                end -= 1
        yield start, end
        start = end
    yield start, len(text)


def _split_styles(block: Block, start: int, text: str) -> Iterator[tuple[str, Style]]:
    """Yield the parts of `text` (at `start` in the block) with their styles."""
    position = start
    for end, style in block.styles:
        if end > position:
            part = text[position - start : end - start]
            if part:
                yield part, style
            position += len(part)
            if position == start + len(text):
                return
    if position < start + len(text):
        yield text[position - start :], PLAIN


def plain_blocks(text: str) -> Iterator[Block]:
    """Yield one block for each line feed of normalized text."""
    start = 0
    while start < len(text):
        found = text.find("\n", start)
        end = len(text) if found < 0 else found
        after = min(end + 1, len(text))
        yield Block(text[start:end], start, after)
        start = after
