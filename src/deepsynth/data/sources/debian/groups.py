"""Keeps what belongs together on one side of a split, and near copies of training rows out of the held-out ones.

Packages of one source share paragraphs, versions of one program share everything, and a translation says the same in
other words: split by row, a test measures memory. So rows are joined into groups, over all languages together, and the
hash of a group decides its split; near copies that no rule joined are found by their shingles afterwards.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from deepsynth.data.sources.base import hash_place
from deepsynth.data.sources.debian.stanzas import Description
from deepsynth.data.wording import letters, runs, words

BOILERPLATE_SOURCES = 25
"""A text found in more sources than this is boilerplate: it binds nothing and does not count."""
MAX_GROUP_ROWS = 120
"""Larger groups stay in training: one of them would fill a held-out split."""
TEST_SHARE, VALIDATION_SHARE = 0.04, 0.02
NEAR_SHARE = 0.3
"""A held-out row sharing this part of its shingles with one training document is too near to it."""
SHINGLE_WORDS = 5
COMMON_SHINGLE = 60
"""Shingles found in more training documents than this say nothing about nearness."""

_MIN_PARAGRAPH_WORDS = 10
_MIN_SUMMARY_WORDS = 5
_VERSION = re.compile(r"(?<=[a-z])[-.]?\d+(?:\.\d+)*(?=$|-)")


class Groups:
    """Joins names that share a text: union-find, the alphabetically first name of a group being its id."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Return the id of the group that holds `name`."""
        root = name
        while (above := self._parent.setdefault(root, root)) != root:
            root = above
        while (above := self._parent[name]) != root:
            self._parent[name], name = root, above
        return root

    def join(self, one: str, other: str) -> None:
        """Make the groups of both names one."""
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first


def find_boilerplate(items: Iterable[Description]) -> set[str]:
    """Return the `letters` of paragraphs that stand in many sources."""
    return {text for text, found in _paragraph_sources(items).items() if len(found) > BOILERPLATE_SOURCES}


def make_groups(items: Sequence[Description]) -> Groups:
    """Join the sources that differ only by a version number or share a document, a summary or a paragraph."""
    groups = Groups()
    shared: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in items:
        groups.join(item.source, _VERSION.sub("", item.source) or item.source)
        shared["document", letters(item.document)].add(item.source)
        if len(item.summary.split()) >= _MIN_SUMMARY_WORDS:
            shared["summary", letters(item.summary)].add(item.source)
    for text, found in _paragraph_sources(items).items():
        shared["paragraph", text] = found
    for (kind, text), found in shared.items():
        if text and (kind == "document" or len(found) <= BOILERPLATE_SOURCES):
            first, *others = sorted(found)
            for other in others:
                groups.join(first, other)
    return groups


def _paragraph_sources(items: Iterable[Description]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for paragraph in item.paragraphs:
            if len(paragraph.split()) >= _MIN_PARAGRAPH_WORDS:
                found[letters(paragraph)].add(item.source)
    return found


def choose_split(group: str, rows: int) -> str:
    """Return `train`, `validation` or `test` for a group of so many rows, by the hash of its name."""
    place = hash_place(group)
    if rows > MAX_GROUP_ROWS or place >= TEST_SHARE + VALIDATION_SHARE:
        return "train"
    return "test" if place < TEST_SHARE else "validation"


def find_near(held_out: Mapping[str, str], training: Iterable[str]) -> set[str]:
    """Return the ids of held-out documents that share too much with one training document.

    `held_out` maps ids to texts. Only their shingles are held in memory; the training texts are streamed past them.
    """
    shingles = {name: make_shingles(text) for name, text in held_out.items()}
    places: dict[str, list[int]] = {shingle: [] for found in shingles.values() for shingle in found}
    for number, text in enumerate(training):
        for shingle in make_shingles(text):
            where = places.get(shingle)
            if where is not None and len(where) <= COMMON_SHINGLE:
                where.append(number)
    return {name for name, found in shingles.items() if _overlap(found, places) >= NEAR_SHARE}


def _overlap(found: set[str], places: Mapping[str, Sequence[int]]) -> float:
    rare = [places[shingle] for shingle in found if len(places[shingle]) <= COMMON_SHINGLE]
    counts = Counter(number for numbers in rare for number in numbers)
    return max(counts.values(), default=0) / max(len(found), 1)


def make_shingles(text: str) -> set[str]:
    """Return the runs of five words; a shorter text is one run."""
    return set(runs(words(text), SHINGLE_WORDS))
