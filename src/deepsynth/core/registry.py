"""One mechanism for every seam: a named collection that explains itself when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from deepsynth.core.errors import SettingsError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to values; third parties add theirs through entry points of the same group."""

    def __init__(self, group: str) -> None:
        """`group` is the entry-point group, for example `deepsynth.sources`."""
        self.group = group
        self._items: dict[str, T] = {}
        self._plugins_loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its argument under `name`."""

        def add(item: T) -> T:
            if name in self._items:
                raise SettingsError(f"{self.group} already holds {name!r}")
            self._items[name] = item
            return item

        return add

    def names(self) -> list[str]:
        """Return every known name, sorted."""
        self._load_plugins()
        return sorted(self._items)

    def get(self, name: str) -> T:
        """Return the value under `name`.

        Raises:
            SettingsError: the name is unknown; the message lists the known ones and the nearest.
        """
        self._load_plugins()
        if name not in self._items:
            near = difflib.get_close_matches(name, self._items, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"{self.group} has no {name!r}{hint or '.'} Known: {', '.join(self.names())}")
        return self._items[name]

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in entry_points(group=self.group):
            self._items.setdefault(point.name, point.load())
