"""Paragraphs become units: what is not broken (a word, a Chinese character) with the blanks behind it, and how wide it is.

Many short paragraphs are measured at once: one call of ICU for their break opportunities, one look-up for all their words.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from icu4py.breakers import LineBreaker

from deepsynth.rendering.bidi import bidi_levels, needs_bidi
from deepsynth.rendering.blocks import Piece, split_styles
from deepsynth.rendering.shaping import PLAIN, TAB, Floats, Ints
from deepsynth.rendering.words import Key, Words

BLANKS = " \t\u3000"
"""Blanks at which a line may end; they are not drawn, and take no room at its end."""

SOFT_HYPHEN = "\u00ad"

_ENDS = BLANKS + "\n"


class Units(NamedTuple):
    """Units in the order of the text; every array has one row for each."""

    keys: list[Key]
    """The word of each (empty for blanks alone)."""
    numbers: Ints
    """The number of the word in a store."""
    rtl: npt.NDArray[np.bool_]
    lengths: Ints
    """Characters, blanks included."""
    blanks: Floats
    """Width of the blanks behind the word, in ems."""
    soft: npt.NDArray[np.bool_]
    """Whether it ends with a soft hyphen, drawn only where the line ends behind it."""

    def part(self, low: int, high: int) -> Units:
        """Return units [low, high)."""
        part: list[Any] = [values[low:high] for values in self]
        return Units(*part)


def join_units(parts: Sequence[Units]) -> Units:
    """Return units end to end."""
    keys, *arrays = zip(*parts, strict=True)
    return Units(list(itertools.chain.from_iterable(keys)), *map(np.concatenate, arrays))


class Measured(NamedTuple):
    """A piece of a paragraph, measured."""

    piece: Piece
    first: int
    """Number of its first unit in its batch."""
    end: int
    base: int
    """Level of the paragraph: odd if it runs from right to left."""
    levels: bytes
    """Level of each character of the piece; empty where all of them run from left to right."""


def measure(pieces: Sequence[Piece], words: Words, locale: str, base: int | None) -> tuple[Units, list[Measured]]:
    """Return the units of all pieces, and which units and levels belong to each.

    `base` is the level of the paragraph that the first piece goes on with, if any.
    """
    text = "\n".join([piece.text for piece in pieces])
    chunks: list[str] = list(LineBreaker(text, locale))  # a line feed always ends one
    if not pieces[-1].text:
        chunks.append("")
    keys: list[Key] = [chunk.rstrip(_ENDS) for chunk in chunks]
    lengths = np.fromiter(map(len, chunks), np.int64, len(chunks))
    ends = np.cumsum(lengths)
    sizes = np.fromiter((len(piece.text) + 1 for piece in pieces), np.int64, len(pieces))
    behind = np.searchsorted(ends, np.cumsum(sizes)[:-1]) + 1  # the unit behind each paragraph's last
    lengths[behind - 1] -= 1  # the line feed is none of its characters
    letters = np.fromiter(map(len, keys), np.int64, len(keys))
    blanks: Floats = ((lengths - letters) * words.width(words.number(" "))).astype(np.float64, copy=False)
    rtl = np.zeros(len(keys), np.bool_)
    edges = [0, *behind.tolist(), len(keys)]
    found: list[Measured] = []
    for piece, first, end in zip(pieces, edges, edges[1:], strict=False):
        part = slice(first, end)
        level, levels = bidi_levels(piece.text, base) if needs_bidi(piece.text) or base is not None else (0, b"")
        found.append(Measured(piece, first, end, level, levels if any(levels) else b""))
        if piece.block.styles or "\t" in piece.text:
            keys[part], blanks[part] = _styled(piece, chunks[part], words)
        if found[-1].levels:
            rtl[part] = np.frombuffer(levels, np.uint8)[np.cumsum(lengths[part]) - lengths[part]] & 1
    soft = ends_softly(keys) if SOFT_HYPHEN in text else np.zeros(len(keys), np.bool_)
    return Units(keys, find_words(keys, rtl, words), rtl, lengths, blanks, soft), found


def ends_softly(keys: Sequence[Key]) -> npt.NDArray[np.bool_]:
    """Tell which words end with a soft hyphen."""
    last = (key if isinstance(key, str) else key[-1][0] for key in keys)
    return np.array([text.endswith(SOFT_HYPHEN) for text in last], np.bool_)


def find_words(keys: list[Key], rtl: npt.NDArray[np.bool_], words: Words) -> Ints:
    """Return the numbers of words of both directions."""
    if not rtl.any():
        return words.find(keys)
    numbers = np.zeros(len(keys), np.int64)
    for direction in (False, True):
        at = np.flatnonzero(rtl == direction)
        numbers[at] = words.find([keys[index] for index in at.tolist()], rtl=direction)
    return numbers


def _styled(piece: Piece, chunks: list[str], words: Words) -> tuple[list[Key], list[float]]:
    """Return the words of units of several styles, or with tabs, and the widths of the blanks behind them."""
    keys: list[Key] = []
    blanks: list[float] = []
    position = piece.low
    for chunk in chunks:
        whole = chunk.removesuffix("\n")
        word = whole.rstrip(BLANKS)
        parts = tuple(split_styles(piece.block, position, word))
        keys.append(word if all(style == PLAIN for _, style in parts) else parts)
        behind = split_styles(piece.block, position + len(word), whole[len(word) :])
        blanks.append(
            sum(len(text.replace("\t", TAB)) * words.width(words.number(" ", style)) for text, style in behind)
        )
        position += len(whole)
    return keys, blanks
