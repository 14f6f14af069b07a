"""What every source of documents promises: good rows as records, bad rows by place and reason, and a fingerprint.

A bad row never ends a run and never vanishes: it is yielded as a `Rejection` among the records. A source that cannot
be read at all (no such file, an unknown configuration) raises one `InputError` instead, before the first row.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from deepsynth.core.documents import Record
from deepsynth.core.registry import Registry
from deepsynth.data.config import SourceConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """A row that is kept out."""

    where: str
    """File and line, or whatever else finds the row again."""
    reason: str
    """A short name that is counted in the report, such as `missing-column`."""
    detail: str = ""
    """What exactly is wrong, for the list."""


@runtime_checkable
class DocumentSource(Protocol):
    """Yields records in the same order each time, so that an interrupted run can go on where it stopped."""

    name: str
    rejected: list[Rejection]
    """The bad rows met in the last iteration."""
    license: str
    """The terms of the texts, for the dataset's card; empty when unknown."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the rows would; known without reading them all."""
        ...

    def provenance(self) -> Mapping[str, object]:
        """Return what else a manifest should keep, such as hashes of what was fetched."""
        ...

    def expected_rows(self) -> int | None:
        """Return the number of rows, bad ones included, where that is known without reading them; for the time left."""
        ...

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield good and bad rows as they come."""
        ...

    def __iter__(self) -> Iterator[Record]:
        """Yield the good rows; the bad ones are in `rejected` afterwards."""
        ...


class RowSource(ABC):
    """A source that is written as one generator of rows; the rest of the protocol follows from it."""

    license: str = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rejected: list[Rejection] = []

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever the rows would."""

    def provenance(self) -> Mapping[str, object]:
        """Return nothing; sources that fetch say what."""
        return {}

    def expected_rows(self) -> int | None:
        """Return nothing; sources that can tell do."""
        return None

    @abstractmethod
    def rows(self) -> Iterator[Record | Rejection]:
        """Yield good and bad rows as they come."""

    def __iter__(self) -> Iterator[Record]:
        self.rejected = []
        for row in self.rows():
            if isinstance(row, Rejection):
                self.rejected.append(row)
            else:
                yield row


SourceFactory = Callable[[SourceConfig], DocumentSource]

sources: Registry[SourceFactory] = Registry("deepsynth.sources")
"""Sources that are asked for by name; files, folders and Hub ids are recognized by `open_source`."""


def hash_place(key: str) -> float:
    """Return a number from 0 up to 1 that `key` alone decides: the same on every machine, at every time."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


def make_fingerprint(parts: Mapping[str, object]) -> str:
    """Return the sha256 of `parts` in a canonical spelling."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
