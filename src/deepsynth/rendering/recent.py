"""A cache of bounded size that forgets what was not asked for lately, at the price of a dictionary."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V | None]):
    """Holds between `size` and `2 * size` values once it is full: two generations, the older one dropped whole.

    `cache[key]` is the value, or none where it is not there (any more). What is asked for again moves to the younger
    generation, so words that recur stay while a corpus without end passes by.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._old: dict[K, V | None] = {}

    def __missing__(self, key: K) -> V | None:
        found = self._old.pop(key, None)
        return None if found is None else self.put(key, found)

    def put(self, key: K, value: V) -> V:
        """Keep `value` under `key`, and return it."""
        if len(self) >= self._size:
            self._old = dict(self)
            self.clear()
        self[key] = value
        return value
