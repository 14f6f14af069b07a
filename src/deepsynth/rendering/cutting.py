"""Words that do not fit: cut between letters where they are wider than a line, hyphenated where that is wanted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from icu4py.breakers import CharacterBreaker

from deepsynth.rendering.hyphenation import Hyphenator
from deepsynth.rendering.measuring import Units, ends_softly, find_words, join_units
from deepsynth.rendering.shaping import PLAIN, Floats
from deepsynth.rendering.words import Key, Words


def cut_wide(units: Units, limits: Floats, words: Words, locale: str) -> tuple[Units, list[int]]:
    """Cut words that are wider than their limit, never inside a letter with its marks (see `replaced`)."""
    wide = np.flatnonzero(words.facts[units.numbers, 0] > limits).tolist()
    return replaced(units, {n: _letters(units.part(n, n + 1), float(limits[n]), words, locale) for n in wide})


def _letters(unit: Units, width: float, words: Words, locale: str) -> Units:
    """Cut a word into parts of as many letters as fit."""
    whole, rtl = unit.keys[0], bool(unit.rtl[0])
    keys: list[Key] = []
    for text, style in ((whole, PLAIN),) if isinstance(whole, str) else whole:
        part, x = "", 0.0
        for letter in CharacterBreaker(text, locale):
            advance = words.width(words.number(letter, style, rtl=rtl))
            if part and x + advance > width:
                keys.append(part if style == PLAIN else ((part, style),))
                part, x = "", 0.0
            part += letter
            x += advance
        keys.append(part if style == PLAIN else ((part, style),))
    return _parts(unit, keys, words)


def hyphenated(unit: Units, room: float, words: Words, breaks: Hyphenator) -> Units | None:
    """Return a word in two units, the first with its hyphen no wider than `room`; none where it cannot be split so."""
    word = unit.keys[0]
    if not isinstance(word, str) or unit.rtl[0]:
        return None
    hyphen = words.width(words.number("-"))
    for place in breaks.places(word):
        if words.width(words.number(word[:place])) + hyphen <= room:
            halves = _parts(unit, [word[:place], word[place:]], words)
            return halves._replace(soft=np.array([True, bool(unit.soft[0])]))
    return None


def _parts(unit: Units, keys: list[Key], words: Words) -> Units:
    """Return one unit as several, which hold its word in order."""
    lengths = [len(key) if isinstance(key, str) else sum(len(text) for text, _ in key) for key in keys]
    lengths[-1] += int(unit.lengths[0]) - sum(lengths)
    blanks = np.zeros(len(keys))
    blanks[-1] = unit.blanks[0]
    rtl = np.repeat(unit.rtl, len(keys))
    return Units(keys, find_words(keys, rtl, words), rtl, np.array(lengths), blanks, ends_softly(keys))


def replaced(units: Units, parts: Mapping[int, Units]) -> tuple[Units, list[int]]:
    """Return units with some of them replaced by several, and by how much each index moves (that behind the last too)."""
    if not parts:
        return units, [0] * (len(units.keys) + 1)
    pieces: list[Units] = []
    done, added = 0, np.zeros(len(units.keys) + 1, np.int64)
    for index, part in sorted(parts.items()):
        pieces += [units.part(done, index), part]
        done, added[index + 1] = index + 1, len(part.keys) - 1
    return join_units([*pieces, units.part(done, len(units.keys))]), np.cumsum(added).tolist()
