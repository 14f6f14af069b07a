"""Runs of text become glyphs with positions, in ems: computed once for each distinct piece, then scaled to any size.

Text repeats, so words are the unit of caching: a page of known words costs dictionary look-ups. Outlines are unhinted, so
advances scale linearly and a layout at another size needs no shaping again.
"""

from __future__ import annotations

import bisect
import threading
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsynth.rendering.fonts import Face, FontStack, font_stack, open_face
from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.normalize import INVISIBLE
from deepsynth.rendering.recent import Recent

CACHED_PIECES = 30_000
"""Distinct pieces kept at least, about half a kilobyte each."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a run of text differs from the body."""

    bold: bool = False
    italic: bool = False
    mono: bool = False
    scale: float = 1.0
    """Size relative to the body."""


PLAIN = Style()


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """A piece of text as glyphs. Lengths are in ems of the body size, y upwards from the baseline."""

    glyphs: npt.NDArray[np.float64]
    """*Shape:* (3, glyphs): code (see `GlyphCodes`), x, y. Codes are whole numbers, exact in this type."""
    advance: float
    top: float
    bottom: float
    """Ink above and below the baseline (below is negative)."""
    scale: float


class GlyphCodes:
    """Numbers every glyph of every face at every relative size, so that arrays can hold glyphs of all faces at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: dict[tuple[Face, float], int] = {}
        self._starts: list[int] = []
        self._owners: list[tuple[Face, float]] = []
        self.count = 0
        """Codes given out so far: all are below it."""

    def first(self, face: Face, scale: float) -> int:
        """Return the code of glyph 0 of `face` at `scale`; glyph n has the n-th behind it."""
        found = self._first.get((face, scale))
        if found is not None:
            return found
        with self._lock:
            if (face, scale) not in self._first:
                self._starts.append(self.count)
                self._owners.append((face, scale))
                self._first[face, scale] = self.count
                self.count += face.glyph_count
            return self._first[face, scale]

    def glyph(self, code: int) -> tuple[Face, int, float]:
        """Return face, glyph number and relative size of a code."""
        owner = bisect.bisect_right(self._starts, code) - 1
        face, scale = self._owners[owner]
        return face, code - self._starts[owner], scale


GLYPH_CODES = GlyphCodes()
"""One numbering for the process, as faces are opened once a process."""


class Shaper:
    """Shapes pieces of text with one stack of fonts."""

    def __init__(self, font: str, language: str) -> None:
        self.stack: FontStack = font_stack(font, language)
        self._mono: FontStack = font_stack("mono", language)
        self._language = "" if language == "und" else language
        self._pieces: Recent[tuple[str, Style, bool], Shaped] = Recent(CACHED_PIECES)
        self._extents: dict[tuple[Face, int], tuple[float, float]] = {}

    def shape(self, text: str, style: Style = PLAIN, *, rtl: bool = False) -> Shaped:
        """Return the glyphs of `text`, which lies in one direction and on one line."""
        key = (text, style, rtl)
        return self._pieces.get(key) or self._pieces.put(key, self._shape(text, style, rtl=rtl))

    def _shape(self, text: str, style: Style, *, rtl: bool) -> Shaped:
        stack = self._mono if style.mono else self.stack
        runs = face_runs(text, stack)
        codes, xs, ys = list[int](), list[float](), list[float]()
        x = top = bottom = 0.0
        for number, part in reversed(runs) if rtl else runs:
            face = open_face(stack.sources[number], bold=style.bold, italic=style.italic)
            first, em = GLYPH_CODES.first(face, style.scale), style.scale / face.upem
            buffer = _harfbuzz(part, face, self._language, rtl=rtl)
            for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                glyph = info.codepoint
                high, low = self._extents.get((face, glyph)) or self._ink(face, glyph)
                y = position.y_offset * em
                codes.append(first + glyph)
                xs.append(x + position.x_offset * em)
                ys.append(y)
                top, bottom = max(top, y + high * style.scale), min(bottom, y + low * style.scale)
                x += position.x_advance * em
        return Shaped(np.array((codes, xs, ys), np.float64), x, top, bottom, style.scale)

    def _ink(self, face: Face, glyph: int) -> tuple[float, float]:
        extents = face.font.get_glyph_extents(glyph)
        high = extents.y_bearing if extents else 0
        low = high + extents.height if extents else 0
        self._extents[face, glyph] = found = (high / face.upem, low / face.upem)
        return found


def _harfbuzz(text: str, face: Face, language: str, *, rtl: bool) -> Any:
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    if language:
        buffer.language = language
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
    hb.shape(face.font, buffer)
    return buffer


def face_runs(text: str, stack: FontStack) -> list[tuple[int, str]]:
    """Split `text` into runs of one face each; marks and joiners stay with the letter before them where its face can."""
    if text.isascii() and stack.draws_ascii:
        return [(stack.primary, text)]
    runs: list[tuple[int, str]] = []
    for character in text:
        number = int(stack.table[ord(character)])
        if runs and runs[-1][0] != number and joins(character):
            previous = runs[-1][0]
            if ord(character) in INVISIBLE or stack.covers(previous, character):
                number = previous
        if runs and runs[-1][0] == number:
            runs[-1] = (number, runs[-1][1] + character)
        else:
            runs.append((number, character))
    return runs


def joins(character: str) -> bool:
    """Tell whether a character belongs to the letter before it: a mark, a joiner, or something that draws nothing."""
    return ord(character) in INVISIBLE or unicodedata.category(character) in ("Mn", "Mc", "Me", "Sk")
