"""What is known of words that were met before: their glyphs and widths, end to end in arrays.

A word is a number from here on, so lines are broken, placed and painted by operations on arrays of numbers, and a page of new
words costs little more than one of known words. The store only grows; when it is full its owner starts another, and lines
that were made before keep the one they belong to.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from deepsynth.rendering.shaping import PLAIN, Floats, Ints, Shaped, Shaper, Style

Array = TypeVar("Array", bound=npt.NDArray[Any])

Parts = tuple[tuple[str, Style], ...]
"""A word of several styles, or of one that is not plain."""
Key = str | Parts
"""What a word is known by: plain text, or its parts."""

MOST_WORDS, MOST_GLYPHS = 60_000, 1_000_000
"""A store that holds one of these is full; both are about 25 MB."""

EMPTY = 0
"""The number of the word without a character."""


class Words:
    """The words of one shaper, in the order they were met."""

    def __init__(self, shaper: Shaper) -> None:
        self._shaper = shaper
        self._lock = threading.Lock()
        self._known: tuple[dict[Key, int], dict[Key, int]] = ({"": EMPTY}, {"": EMPTY})
        self._words, self._glyphs = 1, 0
        self._codes, self._places = np.zeros(1 << 12, np.int64), np.zeros((1 << 12, 2))
        self._spans, self.facts = np.zeros((1 << 10, 2), np.int64), np.zeros((1 << 10, 4))
        """`facts`: width, ink above and below the baseline, relative size of each word (see `Shaped`)."""

    @property
    def full(self) -> bool:
        """Whether another store should be started."""
        return self._words >= MOST_WORDS or self._glyphs >= MOST_GLYPHS

    def find(self, keys: Sequence[Key], *, rtl: bool = False) -> Ints:
        """Return the number of each word; those that were not met before are shaped together. *Shape:* (keys,)."""
        known = self._known[rtl]
        found = list(map(known.get, keys))
        if None in found:
            new = [key for key, number in zip(keys, found, strict=True) if number is None]
            self._learn(dict.fromkeys(new), rtl=rtl)
            found = list(map(known.get, keys))
        return np.array(found, np.int64)

    def number(self, text: str, style: Style = PLAIN, *, rtl: bool = False) -> int:
        """Return the number of one word."""
        return int(self.find([text if style == PLAIN else ((text, style),)], rtl=rtl)[0])

    def width(self, number: int) -> float:
        """Return the width of a word in ems."""
        return float(self.facts[number, 0])

    def glyphs(self, numbers: Ints) -> tuple[Ints, Floats, Ints]:
        """Return codes and places (see `Shaped`) of all glyphs of some words, and how many each word has."""
        firsts, counts = self._spans.take(numbers, axis=0).T
        ends = np.cumsum(counts)
        glyphs = np.repeat(firsts - ends + counts, counts)
        glyphs += np.arange(len(glyphs))
        return self._codes.take(glyphs), self._places.take(glyphs, axis=0), counts

    def _learn(self, keys: dict[Key, None], *, rtl: bool) -> None:
        plain = [key for key in keys if isinstance(key, str)]
        for together, shaped in self._shaper.shape_together(plain, rtl=rtl):
            self._add(together, shaped, rtl=rtl)
        composed: dict[Key, Sequence[Key]] = {}
        for key in keys:
            if key in self._known[rtl]:
                continue
            parts = self._parts(key)
            if len(parts) > 1:
                composed[key] = parts[::-1] if rtl else parts
            else:
                text, style = (key, PLAIN) if isinstance(key, str) else key[0]
                self._add([key], self._shaper.shape(text, style, rtl=rtl), rtl=rtl)
        if composed:
            self._compose(composed, rtl=rtl)

    def _parts(self, key: Key) -> Sequence[Key]:
        """Return the words that a word of several faces or styles is made of; one where there is nothing to split."""
        if isinstance(key, str):
            return self._shaper.parts(key)
        return [text if style == PLAIN else ((text, style),) for text, style in key]

    def _compose(self, composed: dict[Key, Sequence[Key]], *, rtl: bool) -> None:
        """Add words that are made of others, each given in the order in which it is drawn."""
        numbers = self.find(list(itertools.chain.from_iterable(composed.values())), rtl=rtl)
        sizes = np.array(list(map(len, composed.values())), np.int64)
        firsts = np.cumsum(sizes) - sizes
        codes, places, counts = self.glyphs(numbers)
        facts = self.facts.take(numbers, axis=0)
        before = np.cumsum(facts[:, 0]) - facts[:, 0]
        before -= np.repeat(before[firsts], sizes)
        places[:, 0] += np.repeat(before, counts)
        whole: list[Floats] = [np.add.reduceat(facts[:, 0], firsts), np.maximum.reduceat(facts[:, 1], firsts)]
        whole += [np.minimum.reduceat(facts[:, 2], firsts), np.maximum.reduceat(facts[:, 3], firsts)]
        shaped = Shaped(codes, places, np.add.reduceat(counts, firsts), np.stack(whole, axis=1))
        self._add(list(composed), shaped, rtl=rtl)

    def _add(self, keys: Sequence[Key], shaped: Shaped, *, rtl: bool) -> None:
        with self._lock:
            words, glyphs = self._words + len(keys), self._glyphs + len(shaped.codes)
            # Arrays are replaced, never resized: whoever reads the old ones finds all that was there.
            self._codes, self._places = grown(self._codes, glyphs), grown(self._places, glyphs)
            self._spans, self.facts = grown(self._spans, words), grown(self.facts, words)
            self._codes[self._glyphs : glyphs], self._places[self._glyphs : glyphs] = shaped.codes, shaped.places
            self._spans[self._words : words, 0] = self._glyphs + np.cumsum(shaped.counts) - shaped.counts
            self._spans[self._words : words, 1] = shaped.counts
            self.facts[self._words : words] = shaped.facts
            self._known[rtl].update(zip(keys, range(self._words, words), strict=True))
            self._words, self._glyphs = words, glyphs


def grown(array: Array, size: int) -> Array:
    """Return an array of at least `size` rows: `array` itself, or a longer copy of it."""
    if size <= len(array):
        return array
    longer: Any = np.zeros((max(size, 2 * len(array)), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
