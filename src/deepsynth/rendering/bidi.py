"""The Unicode Bidirectional Algorithm (UAX #9): which characters run right to left, and in what order a line is drawn.

Written from the annex, rule by rule (P2-P3 in `bidi_classes`, X1-X10 in `bidi_embedding`, W1-W7, N0-N2 and I1-I2 in
`bidi_resolving`, L1-L2 here), because the libraries that have it are under licenses that we cannot use, or do not give levels.
Text without right-to-left characters needs none of this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from deepsynth.rendering.bidi_classes import CODES, base_level
from deepsynth.rendering.bidi_embedding import embedded_levels
from deepsynth.rendering.bidi_resolving import BRACKET, implicit_levels, resolve_sequence

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Matches a character that can make a line run right to left."""

_EXPLICIT = re.compile("[hijkdxyzq]")


def needs_bidi(text: str) -> bool:
    """Tell whether `text` holds anything that may run right to left."""
    return not text.isascii() and RIGHT_TO_LEFT.search(text) is not None


def bidi_levels(text: str, base: int | None = None) -> tuple[int, bytes]:
    """Return the paragraph's level and the embedding level of each character (odd: right to left).

    `base` overrides the paragraph's level. The text must be one paragraph.
    """
    return levels_of_classes(text.translate(CODES), text, base)


def levels_of_classes(types: str, text: str, base: int | None) -> tuple[int, bytes]:
    """Return the same by the classes of the characters (see `bidi_classes`); `text` tells only which of them are brackets."""
    paragraph = base_level(types) if base is None else base
    levels = embedded_levels(types, text, paragraph) if _EXPLICIT.search(types) else _plain(types, text, paragraph)
    return paragraph, _reset_blanks(types, levels, paragraph)


def _plain(types: str, text: str, paragraph: int) -> bytes:
    """Return the levels of a paragraph without embeddings, overrides and isolates: all of it is one sequence."""
    direction = "RL"[paragraph % 2 == 0]
    if "b" not in types:
        return implicit_levels(resolve_sequence(types, types, text, (direction, direction, direction)), paragraph)
    kept = types.replace("b", "")
    if BRACKET.search(text):
        text = text.translate({ord(character): None for character in set(text) if CODES[ord(character)] == "b"})
    found = implicit_levels(resolve_sequence(kept, kept, text, (direction, direction, direction)), paragraph)
    parts: list[bytes] = []
    done = removed = 0
    for run in re.finditer("b+", types):  # they take the level before them
        here = run.start() - removed
        parts += [found[done:here], (found[here - 1 : here] if here else bytes((paragraph,))) * len(run[0])]
        done, removed = here, removed + len(run[0])
    return b"".join([*parts, found[done:]])


_RESET = re.compile(r"(?<![wxyzqhijkdb])[wxyzqhijkdb]*(?:[pg]|\Z)|[pg]")


def _reset_blanks(types: str, levels: bytes, paragraph: int) -> bytes:
    """Apply L1 to separators and to the blanks before them and at the end of the paragraph."""
    found = bytearray(levels)
    for blanks in _RESET.finditer(types):
        found[blanks.start() : blanks.end()] = bytes((paragraph,)) * len(blanks[0])
    return bytes(found)


_RUNS = re.compile(rb"(.)\1*", re.DOTALL)


def visual_runs(levels: Sequence[int], start: int, end: int) -> list[tuple[int, int, int]]:
    """Return the runs (start, end, level) of a line in the order they are drawn, left to right (L2)."""
    found = _RUNS.finditer(bytes(levels[start:end]))
    runs = [(start + run.start(), start + run.end(), run[0][0]) for run in found]
    highest = max((level for *_, level in runs), default=0)
    for level in range(highest, 0, -1):
        position = 0
        while position < len(runs):
            stop = position
            while stop < len(runs) and runs[stop][2] >= level:
                stop += 1
            runs[position:stop] = reversed(runs[position:stop])
            position = max(stop, position + 1)
    return runs
