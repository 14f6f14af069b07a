"""Bidirectional classes as letters, so that a paragraph's classes are a string and most rules of UAX #9 regular expressions."""

from __future__ import annotations

import re
import unicodedata

LETTERS = {
    **{"L": "L", "R": "R", "AL": "A", "EN": "E", "AN": "N", "ES": "s", "ET": "t", "CS": "c", "NSM": "m", "BN": "b"},
    **{"B": "p", "S": "g", "WS": "w", "ON": "o", "LRE": "h", "LRO": "i", "RLE": "j", "RLO": "k", "PDF": "d"},
    **{"LRI": "x", "RLI": "y", "FSI": "z", "PDI": "q"},
}
"""One letter for each bidirectional class."""
ISOLATES = "xyz"
"""LRI, RLI and FSI: what begins an isolate."""
EMBEDDINGS = "hijk"
"""LRE, LRO, RLE and RLO: what begins an embedding or an override."""
REMOVED = "hijkdb"
"""What X9 removes."""


class _Codes(dict[int, str]):
    def __missing__(self, codepoint: int) -> str:
        return self.setdefault(codepoint, LETTERS[unicodedata.bidirectional(chr(codepoint)) or "L"])


CODES = _Codes()
"""The letter of each code point, for `str.translate`; found when first asked for."""


def base_level(types: str) -> int:
    """Return the paragraph's level: that of its first strong character outside isolates (P2, P3)."""
    depth = 0
    for found in re.finditer("[xyzqLRA]", types):
        kind = found[0]
        if kind in ISOLATES:
            depth += 1
        elif kind == "q":
            depth = max(0, depth - 1)
        elif depth == 0:
            return int(kind != "L")
    return 0
