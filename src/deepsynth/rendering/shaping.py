"""Runs of text become glyphs with positions, in ems: once for each distinct word, then scaled to any size.

Outlines are unhinted, so advances scale linearly and a layout at another size needs no shaping again. What is found goes into
arrays (see `words.py`): many words in one call of HarfBuzz cost little more than one.
"""

from __future__ import annotations

import bisect
import operator
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepsynth.rendering.fonts import Face, FontStack, font_stack, open_face
from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.runs import face_runs, leading_script

TAB = "    "
"""A tab is drawn as wide as this."""

STEPS = 2.0**20
"""Widths are whole multiples of one em divided by this, so that their sums are exact whatever is added first."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Style:
    """How a run of text differs from the body."""

    bold: bool = False
    italic: bool = False
    mono: bool = False
    scale: float = 1.0
    """Size relative to the body."""


PLAIN = Style()


class Shaped(NamedTuple):
    """Words as glyphs, end to end. Lengths are in ems of the body size, y upwards from the baseline."""

    codes: Ints
    """*Shape:* (glyphs,): see `GlyphCodes`."""
    places: Floats
    """*Shape:* (glyphs, 2): x from the beginning of the word, and y."""
    counts: Ints
    """*Shape:* (words,): glyphs of each word."""
    facts: Floats
    """*Shape:* (words, 4): width, ink above the baseline, ink below it (negative), size relative to the body."""


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
    """Shapes words with one stack of fonts."""

    def __init__(self, font: str, language: str) -> None:
        self.stack: FontStack = font_stack(font, language)
        self._mono: FontStack = font_stack("mono", language)
        self._language = "" if language == "und" else language

    def shape(self, text: str, style: Style = PLAIN, *, rtl: bool = False) -> Shaped:
        """Return `text`, which lies in one direction and on one line, as one word."""
        stack = self._mono if style.mono else self.stack
        runs = face_runs(text.replace("\t", TAB), stack)
        codes, xs, ys = list[int](), list[float](), list[float]()
        x = top = bottom = 0.0
        for number, part in reversed(runs) if rtl else runs:
            face = open_face(stack.sources[number], bold=style.bold, italic=style.italic)
            first, em = GLYPH_CODES.first(face, style.scale), style.scale / face.upem
            buffer = harfbuzz_buffer(part, face, self._language, rtl=rtl)
            pen = 0
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                across, up, advance, _ = place.position
                high, low = face.ink(np.array([info.codepoint]))[:, 0].tolist()
                codes.append(first + info.codepoint)
                xs.append(x + (pen + across) * em)
                ys.append(up * em)
                top, bottom = max(top, (up + high) * em), min(bottom, (up + low) * em)
                pen += advance
            x += pen * em
        places = np.array((xs, ys), np.float64).T
        facts = np.array([[whole_steps(x), top, bottom, style.scale]])
        return Shaped(np.array(codes, np.int64), places, np.array([len(codes)]), facts)

    def parts(self, word: str) -> list[str]:
        """Return the runs of one face each that a plain word consists of."""
        return [part for _, part in face_runs(word.replace("\t", TAB), self.stack)]

    def shape_together(self, words: Sequence[str], *, rtl: bool = False) -> Iterator[tuple[list[str], Shaped]]:
        """Yield plain words as glyphs, all words of a face and script in one call.

        The result is what `shape` would find for each alone: nothing reaches across the blanks between them. Words that may
        depend on what stands beside them are left out.
        """
        groups: dict[tuple[int, str], list[str]] = {}
        for word in words:
            group = self._group(word, rtl=rtl)
            if group is not None:
                groups.setdefault(group, []).append(word)
        for (number, _), group_words in groups.items():
            shaped = self._together(open_face(self.stack.sources[number]), group_words, rtl=rtl)
            if shaped is not None:
                yield group_words, shaped

    def _group(self, word: str, *, rtl: bool) -> tuple[int, str] | None:
        """Return face and script of a word that can be shaped beside others; none where either is not plain to see."""
        if word.isascii():
            if not self.stack.draws_ascii or "\t" in word:
                return None
            return self.stack.primary, "latin" if not rtl or _LETTER.search(word) else "none"
        script = leading_script(word)
        number = self.stack.face_of(word) if script else None
        if script and number is None:
            # joiners and marks that lie in another face may still be drawn by the letters' own
            runs = face_runs(word, self.stack)
            number = runs[0][0] if len(runs) == 1 else None
        return None if number is None else (number, script)

    def _together(self, face: Face, words: list[str], *, rtl: bool) -> Shaped | None:
        first, em = GLYPH_CODES.first(face, 1.0), 1.0 / face.upem
        buffer = harfbuzz_buffer(" ".join(words), face, self._language, rtl=rtl)
        infos, positions = buffer.glyph_infos, buffer.glyph_positions
        glyphs, clusters = _column(infos, "codepoint"), _column(infos, "cluster")
        across, up, advances = (_column(positions, name) for name in ("x_offset", "y_offset", "x_advance"))
        lows, highs = _glyph_spans(words, clusters, rtl=rtl)
        counts = highs - lows
        if not counts.all():
            return None  # a word that draws nothing; `shape` takes each alone
        pens = np.cumsum(advances) - advances
        ends = np.cumsum(counts)
        begins = ends - counts
        kept = np.repeat(lows - begins, counts)  # word by word, without the blanks
        kept += np.arange(ends[-1])
        codes, rises = glyphs.take(kept), up.take(kept)
        ink = face.ink(codes)
        ink += rises
        facts = np.ones((len(words), 4))
        facts[:, 0] = whole_steps((pens[highs - 1] + advances[highs - 1] - pens[lows]) * em)
        facts[:, 1] = np.maximum(np.maximum.reduceat(ink[0], begins), 0) * em
        facts[:, 2] = np.minimum(np.minimum.reduceat(ink[1], begins), 0) * em
        places = np.empty((len(codes), 2))
        places[:, 0] = ((pens + across).take(kept) - np.repeat(pens[lows], counts)) * em
        places[:, 1] = rises * em
        codes += first
        return Shaped(codes, places, counts, facts)


def _column(rows: Sequence[Any], name: str) -> Ints:
    return np.fromiter(map(operator.attrgetter(name), rows), np.int64, len(rows))


def whole_steps(width: Any) -> Any:
    """Return a width (or many) in ems as the nearest multiple of `1 / STEPS`."""
    return np.floor(width * STEPS + 0.5) / STEPS


def _glyph_spans(words: list[str], clusters: Ints, *, rtl: bool) -> tuple[Ints, Ints]:
    """Return where the glyphs of each word begin and end, for words joined by single blanks."""
    lengths = np.array(list(map(len, words)), np.int64)
    starts = np.cumsum(lengths + 1) - lengths - 1
    places = clusters[::-1] if rtl else clusters
    lows, highs = np.searchsorted(places, starts), np.searchsorted(places, starts + lengths)
    return (len(places) - highs, len(places) - lows) if rtl else (lows, highs)


_LETTER = re.compile("[A-Za-z]")


def harfbuzz_buffer(text: str, face: Face, language: str, *, rtl: bool) -> Any:
    """Return a run of text shaped by HarfBuzz: ASCII as Latin, all else by its first letter's script."""
    buffer = hb.Buffer()
    buffer.add_str(text)
    if text.isascii() and not rtl:
        buffer.script = "Latn"
    else:
        buffer.guess_segment_properties()
    buffer.language = language or "und"  # or else HarfBuzz takes that of the machine
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
    hb.shape(face.font, buffer)
    return buffer
