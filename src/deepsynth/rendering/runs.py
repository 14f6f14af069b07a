"""Which face draws which part of a text, and which script a word is in: what must be known before glyphs are looked up."""

from __future__ import annotations

import re
import unicodedata

from deepsynth.rendering.fonts import FontStack
from deepsynth.rendering.normalize import INVISIBLE


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
