"""Where a word may be hyphenated, by the patterns of its language (extra `hyphenation`).

The patterns are those of LibreOffice, read by Pyphen. Places at which a hyphen would change the spelling are left out: what is
drawn between two pages is never other text than that of the document.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

from deepsynth.core.errors import MissingExtraError

FEWEST_BEFORE, FEWEST_BEHIND = 2, 3
"""Letters that stay before a hyphen, and that go to the next line."""

_WORD = re.compile(r"\W*([^\W\d_]{5,})\W*")
_KNOWN_WORDS = 10_000


class Hyphenator:
    """Finds the places in the words of one language."""

    def __init__(self, patterns: Any) -> None:
        """`patterns` is a `pyphen.Pyphen`."""
        self._patterns = patterns

    def places(self, word: str) -> list[int]:
        """Return how many characters may stand before a hyphen, the most first; none for numbers, codes and short words."""
        found = _WORD.fullmatch(word)
        if found is None:
            return []
        if len(self._patterns.hd.cache) > _KNOWN_WORDS:  # Pyphen itself forgets nothing
            self._patterns.hd.cache.clear()
        places = [place for place in self._patterns.positions(found[1]) if not getattr(place, "data", None)]
        return [found.start(1) + place for place in reversed(places)]


@functools.cache
def hyphenator(language: str) -> Hyphenator | None:
    """Return the hyphenator of a language code; none where there are no patterns for it.

    Raises:
        MissingExtraError: Pyphen is not installed.
    """
    try:
        pyphen: Any = importlib.import_module("pyphen")
    except ModuleNotFoundError as error:
        raise MissingExtraError("pyphen", "hyphenation") from error
    known = pyphen.language_fallback(language)
    return Hyphenator(pyphen.Pyphen(lang=known, left=FEWEST_BEFORE, right=FEWEST_BEHIND)) if known else None
