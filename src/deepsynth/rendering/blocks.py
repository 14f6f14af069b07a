"""Paragraphs as layout takes them: text with styles, and where each character stands in the source."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from deepsynth.rendering.runs import joins
from deepsynth.rendering.shaping import PLAIN, Style

LONGEST_PIECE = 8000
"""Paragraphs are laid out in pieces of about so many characters where they are longer: ICU and the bidirectional
algorithm then take linear time and bounded memory on a text of one endless line."""

BATCH = 4000
"""Characters of short paragraphs that are measured together."""


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


class Piece(NamedTuple):
    """Characters [low, high) of a paragraph: all of it, but for very long ones."""

    block: Block
    low: int
    high: int

    @property
    def text(self) -> str:
        """Its characters."""
        return self.block.text[self.low : self.high]

    @property
    def last(self) -> bool:
        """Whether the paragraph ends with it."""
        return self.high == len(self.block.text)


def plain_blocks(text: str) -> Iterator[Block]:
    """Yield one block for each line feed of normalized text."""
    start = 0
    while start < len(text):
        found = text.find("\n", start)
        end = len(text) if found < 0 else found
        after = min(end + 1, len(text))
        yield Block(text[start:end], start, after)
        start = after


def batches(blocks: Iterable[Block]) -> Iterator[list[Piece]]:
    """Yield paragraphs in groups that are worth measuring together; a piece of a long one comes alone."""
    batch: list[Piece] = []
    size = 0
    for block in blocks:
        if len(block.text) > 2 * LONGEST_PIECE:
            if batch:
                yield batch
                batch, size = [], 0
            yield from ([piece] for piece in _pieces(block))
            continue
        batch.append(Piece(block, 0, len(block.text)))
        size += len(block.text) + 1
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _pieces(block: Block) -> Iterator[Piece]:
    """Cut a long paragraph behind blanks, or where there are none between letters."""
    text, start = block.text, 0
    while len(text) - start > 2 * LONGEST_PIECE:
        end = text.rfind(" ", start + LONGEST_PIECE, start + 2 * LONGEST_PIECE) + 1
        if not end:
            end = start + 2 * LONGEST_PIECE
            while end > start + LONGEST_PIECE and joins(text[end]):
                end -= 1
        yield Piece(block, start, end)
        start = end
    yield Piece(block, start, len(text))


def split_styles(block: Block, start: int, text: str) -> Iterator[tuple[str, Style]]:
    """Yield the parts of `text` (at `start` in the block) with their styles."""
    position = start
    first = bisect.bisect_right(block.styles, start, key=lambda entry: entry[0])
    for end, style in block.styles[first:]:
        part = text[position - start : end - start]
        if part:
            yield part, style
        position += len(part)
        if position == start + len(text):
            return
    if position < start + len(text):
        yield text[position - start :], PLAIN
