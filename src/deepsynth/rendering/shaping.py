"""Runs of text become glyphs with positions, in ems: computed once for each distinct piece, then scaled to any size.

Text repeats, so words are the unit of caching: a page of known words costs dictionary look-ups. Outlines are unhinted, so
advances scale linearly and a layout at another size needs no shaping again.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from deepsynth.rendering.fonts import Face, FontStack, font_stack, open_face
from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.normalize import INVISIBLE

CACHED_PIECES = 200_000
"""Distinct pieces kept; beyond that the cache starts anew, so memory stays bounded on endless corpora."""


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

    glyphs: tuple[tuple[Face, int, float, float], ...]
    """Face, glyph number, x and y."""
    advance: float
    top: float
    bottom: float
    """Ink above and below the baseline (below is negative)."""
    scale: float


class Shaper:
    """Shapes pieces of text with one stack of fonts."""

    def __init__(self, font: str, language: str) -> None:
        self.stack: FontStack = font_stack(font, language)
        self._mono: FontStack = font_stack("mono", language)
        self._language = "" if language == "und" else language
        self._pieces: dict[tuple[str, Style, bool], Shaped] = {}
        self._extents: dict[tuple[Face, int], tuple[float, float]] = {}

    def shape(self, text: str, style: Style = PLAIN, *, rtl: bool = False) -> Shaped:
        """Return the glyphs of `text`, which lies in one direction and on one line."""
        key = (text, style, rtl)
        found = self._pieces.get(key)
        if found is None:
            if len(self._pieces) >= CACHED_PIECES:
                self._pieces.clear()
            found = self._pieces[key] = self._shape(text, style, rtl=rtl)
        return found

    def _shape(self, text: str, style: Style, *, rtl: bool) -> Shaped:
        stack = self._mono if style.mono else self.stack
        runs = face_runs(text, stack)
        glyphs: list[tuple[Face, int, float, float]] = []
        x = top = bottom = 0.0
        for number, part in reversed(runs) if rtl else runs:
            face = open_face(stack.sources[number], bold=style.bold, italic=style.italic)
            em = style.scale / face.upem
            for info, position in _harfbuzz(part, face, self._language, rtl=rtl):
                ink = self._ink(face, info.codepoint)
                y = position.y_offset * em
                glyphs.append((face, info.codepoint, x + position.x_offset * em, y))
                top, bottom = max(top, y + ink[0] * style.scale), min(bottom, y + ink[1] * style.scale)
                x += position.x_advance * em
        return Shaped(tuple(glyphs), x, top, bottom, style.scale)

    def _ink(self, face: Face, glyph: int) -> tuple[float, float]:
        key = (face, glyph)
        if key not in self._extents:
            extents = face.font.get_glyph_extents(glyph)
            high = extents.y_bearing if extents else 0
            low = high + extents.height if extents else 0
            self._extents[key] = (high / face.upem, low / face.upem)
        return self._extents[key]


def _harfbuzz(text: str, face: Face, language: str, *, rtl: bool) -> list[tuple[Any, Any]]:
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    if language:
        buffer.language = language
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
    hb.shape(face.font, buffer)
    return list(zip(buffer.glyph_infos, buffer.glyph_positions, strict=True))


def face_runs(text: str, stack: FontStack) -> list[tuple[int, str]]:
    """Split `text` into runs of one face each; marks and joiners stay with the letter before them where its face can."""
    runs: list[tuple[int, str]] = []
    for character in text:
        number = int(stack.table[ord(character)])
        if runs and runs[-1][0] != number and _joins(character):
            previous = runs[-1][0]
            if ord(character) in INVISIBLE or stack.covers(previous, character):
                number = previous
        if runs and runs[-1][0] == number:
            runs[-1] = (number, runs[-1][1] + character)
        else:
            runs.append((number, character))
    return runs


def _joins(character: str) -> bool:
    return ord(character) in INVISIBLE or unicodedata.category(character) in ("Mn", "Mc", "Me", "Sk")
