"""Runs of text become glyphs with positions, in ems: computed once for each distinct piece, then scaled to any size.

Text repeats, so words are the unit of caching: a page of known words costs dictionary look-ups. Outlines are unhinted, so
advances scale linearly and a layout at another size needs no shaping again.
"""

from __future__ import annotations

import bisect
import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
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

    def shape(self, text: str, style: Style = PLAIN, *, rtl: bool = False) -> Shaped:
        """Return the glyphs of `text`, which lies in one direction and on one line."""
        key = (text, style, rtl)
        return self._pieces[key] or self._pieces.put(key, self._shape(text, style, rtl=rtl))

    def learn(self, words: Iterable[str], *, rtl: bool = False) -> None:
        """Shape plain words that are not known yet, in one call for all words of a face and script.

        The result is what `shape` would find for each alone: nothing reaches across the blanks between them.
        """
        groups: dict[tuple[int, str], list[str]] = {}
        for word in words:
            if self._pieces[word, PLAIN, rtl] is None:
                group = self._group(word)
                if group is not None:
                    groups.setdefault(group, []).append(word)
        for (number, _), group_words in groups.items():
            self._learn(number, group_words, rtl=rtl)

    def _group(self, word: str) -> tuple[int, str] | None:
        """Return face and script of a word that can be shaped beside others; none where either is not plain to see."""
        if word.isascii():
            return (self.stack.primary, "latin") if self.stack.draws_ascii and _LETTER.search(word) else None
        script = leading_script(word)
        runs = face_runs(word, self.stack) if script else ()
        return (runs[0][0], script) if script and len(runs) == 1 else None

    def _learn(self, number: int, words: list[str], *, rtl: bool) -> None:
        face = open_face(self.stack.sources[number])
        first, em = GLYPH_CODES.first(face, 1.0), 1.0 / face.upem
        buffer = _harfbuzz(" ".join(words), face, self._language, rtl=rtl)
        glyphs, clusters = zip(*[(info.codepoint, info.cluster) for info in buffer.glyph_infos], strict=True)
        spans = _glyph_spans(words, clusters, rtl=rtl)
        if any(low == high for low, high in spans):
            return  # a word that draws nothing; `shape` takes each alone
        across, up, advances, _ = np.array([place.position for place in buffer.glyph_positions], np.int64).T
        pens = np.cumsum(advances) - advances
        lows, highs = np.array(spans).T
        order = np.sort(lows)  # a word's glyphs and the blank behind them
        begins = np.repeat(pens[order], np.diff(order, append=len(pens)))
        places = np.stack([np.array(glyphs, np.float64) + first, (pens + across - begins) * em, up * em])
        ink = np.array([face.ink(glyph) for glyph in glyphs], np.int64).T + up
        by_word = np.searchsorted(order, lows)
        tops = np.maximum(np.maximum.reduceat(ink[0], order), 0)[by_word] * em
        bottoms = np.minimum(np.minimum.reduceat(ink[1], order), 0)[by_word] * em
        widths = (pens[highs - 1] + advances[highs - 1] - pens[lows]) * em
        facts = zip(words, spans, widths.tolist(), tops.tolist(), bottoms.tolist(), strict=True)
        for word, (low, high), width, top, bottom in facts:
            self._pieces.put((word, PLAIN, rtl), Shaped(places[:, low:high].copy(), width, top, bottom, 1.0))

    def _shape(self, text: str, style: Style, *, rtl: bool) -> Shaped:
        stack = self._mono if style.mono else self.stack
        runs = face_runs(text, stack)
        codes, xs, ys = list[int](), list[float](), list[float]()
        x = top = bottom = 0.0
        for number, part in reversed(runs) if rtl else runs:
            face = open_face(stack.sources[number], bold=style.bold, italic=style.italic)
            first, em = GLYPH_CODES.first(face, style.scale), style.scale / face.upem
            buffer = _harfbuzz(part, face, self._language, rtl=rtl)
            pen = 0
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                across, up, advance, _ = place.position
                high, low = face.ink(info.codepoint)
                codes.append(first + info.codepoint)
                xs.append(x + (pen + across) * em)
                ys.append(up * em)
                top, bottom = max(top, (up + high) * em), min(bottom, (up + low) * em)
                pen += advance
            x += pen * em
        return Shaped(np.array((codes, xs, ys), np.float64), x, top, bottom, style.scale)


def _glyph_spans(words: list[str], clusters: Sequence[int], *, rtl: bool) -> list[tuple[int, int]]:
    """Return where the glyphs of each word begin and end, for words joined by single blanks."""
    places = clusters[::-1] if rtl else clusters
    spans: list[tuple[int, int]] = []
    start = 0
    for word in words:
        low = bisect.bisect_left(places, start)
        high = bisect.bisect_left(places, start + len(word))
        spans.append((len(places) - high, len(places) - low) if rtl else (low, high))
        start += len(word) + 1
    return spans


_LETTER = re.compile("[A-Za-z]")
_BEFORE_LETTERS = re.compile("[\x00-\x40\x5b-\x60\x7b-\x7e\u2010-\u2027]*(.)", re.DOTALL)
_SCRIPTS = re.compile(
    "(?P<latin>[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff])|(?P<greek>[\u0391-\u03a1\u03a3-\u03ce])"
    "|(?P<cyrillic>[\u0400-\u0481\u048a-\u052f])|(?P<arabic>[\u0620-\u063f\u0641-\u064a\u066e-\u06d3])"
    "|(?P<hebrew>[\u05d0-\u05ea])|(?P<devanagari>[\u0904-\u0939])|(?P<bengali>[\u0985-\u09b9])|(?P<gurmukhi>[\u0a05-\u0a39])"
    "|(?P<gujarati>[\u0a85-\u0ab9])|(?P<oriya>[\u0b05-\u0b39])|(?P<tamil>[\u0b85-\u0bb9])|(?P<telugu>[\u0c05-\u0c39])"
    "|(?P<kannada>[\u0c85-\u0cb9])|(?P<malayalam>[\u0d05-\u0d39])|(?P<sinhala>[\u0d85-\u0dc6])|(?P<thai>[\u0e01-\u0e30\u0e40-\u0e44])"
    "|(?P<myanmar>[\u1000-\u1021])|(?P<ethiopic>[\u1200-\u135a])|(?P<hiragana>[\u3041-\u3096])|(?P<katakana>[\u30a1-\u30fa])"
    "|(?P<han>[\u3400-\u4dbf\u4e00-\u9fff])|(?P<hangul>[\uac00-\ud7a3])"
)


def leading_script(word: str) -> str:
    """Return the script of a word's first letter, where only digits and ASCII marks stand before it; else nothing."""
    before = _BEFORE_LETTERS.match(word)
    found = _SCRIPTS.match(before[1]) if before else None
    return found.lastgroup or "" if found else ""


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
