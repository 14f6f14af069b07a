"""Text becomes lines: break opportunities from ICU, greedy filling, order by the bidirectional algorithm.

A line knows which characters of the source it holds; lines follow one another without a gap, so whatever is drawn can be
traced back, and nothing is lost between lines or pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from icu4py.breakers import CharacterBreaker, LineBreaker

from deepsynth.rendering.bidi import bidi_levels, needs_bidi, visual_runs
from deepsynth.rendering.shaping import PLAIN, Shaped, Shaper, Style

TAB = "    "
"""A tab is drawn as wide as this."""

LONGEST_PIECE = 1000
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


@dataclass(frozen=True, slots=True)
class _Atom:
    """Text that is not broken: a word of one style, with the blanks that follow it."""

    start: int
    text: str
    style: Style
    word: Shaped | None
    width: float
    blank: float

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Layout:
    """Breaks blocks into lines of a given width."""

    def __init__(self, shaper: Shaper, language: str) -> None:
        self._shaper = shaper
        self._locale = "en" if language == "und" else language
        self._blank = shaper.shape(" ").advance

    def lines(self, blocks: Iterable[Block], width: float) -> Iterator[Line]:
        """Yield the lines of `blocks` at a column of `width` ems."""
        for block in blocks:
            yield from self._block_lines(block, width)

    def _block_lines(self, block: Block, width: float) -> Iterator[Line]:
        if not block.text:
            yield Line(block.start, block.end, (), 0.0, 0.0, space=block.space)
            return
        first = True
        for low, high in _pieces(block.text):
            part = block.text[low:high]
            levels = bidi_levels(part) if needs_bidi(part) else None
            for start, end, atoms in self._fill(self._atoms(block, part, low), width - block.indent):
                yield self._line(block, (start, end), atoms, levels, low, width, first=first)
                first = False

    def _atoms(self, block: Block, part: str, low: int) -> Iterator[_Atom]:
        position = low
        for chunk in LineBreaker(part, self._locale):
            for text, style in _split_styles(block, position, chunk):
                yield self._atom(position, text, style)
                position += len(text)

    def _atom(self, start: int, text: str, style: Style) -> _Atom:
        word = text.rstrip(" \t\u3000")
        blanks = len(text[len(word) :].replace("\t", TAB))
        blank = blanks * self._shaper.shape(" ", style).advance if blanks else 0.0
        if not word:
            return _Atom(start, text, style, None, 0.0, blank)
        shaped = self._shaper.shape(word.replace("\t", TAB), style)
        return _Atom(start, text, style, shaped, shaped.advance, blank)

    def _fill(self, atoms: Iterator[_Atom], width: float) -> Iterator[tuple[int, int, list[_Atom]]]:
        """Yield (start, end, atoms) of each line: as many atoms as fit, and of a longer one as many letters as fit."""
        line: list[_Atom] = []
        x = 0.0
        for whole in atoms:
            for atom in self._cut(whole, width) if whole.width > width else (whole,):
                if line and x + atom.width > width:
                    yield line[0].start, line[-1].end, line
                    line, x = [], 0.0
                line.append(atom)
                x += atom.width + atom.blank
        if line:
            yield line[0].start, line[-1].end, line

    def _cut(self, atom: _Atom, width: float) -> Iterator[_Atom]:
        """Cut a word that is wider than the line, never inside a letter with its marks."""
        start, text, x = atom.start, "", 0.0
        for letter in CharacterBreaker(atom.text, self._locale):
            advance = self._shaper.shape(letter.replace("\t", TAB), atom.style).advance
            if text and x + advance > width:
                yield self._atom(start, text, atom.style)
                start, text, x = start + len(text), "", 0.0
            text += letter
            x += advance
        yield self._atom(start, text, atom.style)

    def _line(
        self,
        block: Block,
        span: tuple[int, int],
        atoms: list[_Atom],
        levels: tuple[int, list[int]] | None,
        low: int,
        width: float,
        *,
        first: bool,
    ) -> Line:
        placed = self._straight(atoms) if levels is None else self._reordered(block, span, levels[1], low)
        used = max((x + shaped.advance for shaped, x in placed), default=0.0)
        right = levels is not None and levels[0] % 2 == 1
        left = max(0.0, width - block.indent - used) if right else block.indent
        pieces = [(shaped, x + left) for shaped, x in placed]
        if first and block.bullet:
            bullet = self._shaper.shape(block.bullet)
            pieces.append((bullet, width - bullet.advance if right else block.indent - bullet.advance - self._blank))
        return Line(
            start=block.offset(span[0]),
            end=block.offset(span[1]),
            pieces=tuple(pieces),
            top=max((shaped.top for shaped, _ in pieces), default=0.0),
            bottom=min((shaped.bottom for shaped, _ in pieces), default=0.0),
            scale=max((shaped.scale for shaped, _ in pieces), default=1.0),
            space=block.space if first else 0.0,
        )

    def _straight(self, atoms: list[_Atom]) -> list[tuple[Shaped, float]]:
        placed: list[tuple[Shaped, float]] = []
        x = 0.0
        for atom in atoms:
            if atom.word is not None:
                placed.append((atom.word, x))
            x += atom.width + atom.blank
        return placed

    def _reordered(
        self, block: Block, span: tuple[int, int], levels: list[int], low: int
    ) -> list[tuple[Shaped, float]]:
        end = span[0] + len(block.text[span[0] : span[1]].rstrip())
        placed: list[tuple[Shaped, float]] = []
        x = 0.0
        for start, stop, level in visual_runs(levels, span[0] - low, end - low):
            pieces = list(_split_styles(block, low + start, block.text[low + start : low + stop]))
            for text, style in reversed(pieces) if level % 2 else pieces:
                shaped = self._shaper.shape(text.replace("\t", TAB), style, rtl=level % 2 == 1)
                placed.append((shaped, x))
                x += shaped.advance
        return placed


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges in which a paragraph is laid out: whole if short, else cut behind blanks, or anywhere."""
    start = 0
    while len(text) - start > 2 * LONGEST_PIECE:
        blank = text.rfind(" ", start + LONGEST_PIECE, start + 2 * LONGEST_PIECE)
        end = blank + 1 if blank >= 0 else start + 2 * LONGEST_PIECE
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
