"""Debian package descriptions as a source: about 40,000 English pairs from one stable suite, more in other languages.

The texts are fetched when they are needed and never shipped: each belongs to its package, under that package's terms.
All rows are read and judged together, since groups and splits depend on all of them; they are then yielded in the
order of a hash, so that the first thousand rows are a fair sample of the whole.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deepsynth.core.documents import Document, Record
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection, RowSource, make_fingerprint, sources
from deepsynth.data.sources.debian import groups, rules
from deepsynth.data.sources.debian.lists import PackageList, fetch_lists, find_lists
from deepsynth.data.sources.debian.stanzas import Description, read_descriptions, read_packages

LICENSE = (
    "Each description has the terms of its package (section main: free software) and each translation those of its "
    "translators; no single license is stated. Built on your machine; do not republish without checking."
)
_RULES_VERSION = 1
"""Raised whenever the rules of this package change what is kept."""


class DebianSource(RowSource):
    """The descriptions of the suites that this machine uses, or of a folder of lists."""

    license = LICENSE

    def __init__(self, config: SourceConfig) -> None:
        """Find the lists, fetching them if need be.

        Raises:
            InputError: no apt and no folder of lists; no network; no descriptions in a language.
        """
        super().__init__("debian")
        self.config = config
        self._folder = config.lists or fetch_lists(Path(config.cache).expanduser(), config.languages)
        self._lists: list[PackageList] = find_lists(self._folder, config.languages)
        self._facts = [item.facts() for item in self._lists]

    @property
    def fingerprint(self) -> str:
        """Of the lists' contents, the languages and splits, and the rules."""
        settings = self.config.model_dump(mode="json", include={"languages", "splits", "max_chars"})
        return make_fingerprint({"lists": self._facts, "settings": settings, "rules": _RULES_VERSION})

    def provenance(self) -> dict[str, object]:
        """Return the size and sha256 of each list."""
        return {"lists": self._facts}

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield every description as a record, or as a rejection with the rule that keeps it out."""
        items = list(read_descriptions(self._lists, read_packages(self._lists)))
        joined = groups.make_groups(items)
        splits = _choose_splits(items, joined)
        reasons = _find_reasons(items, splits)
        items.sort(key=lambda item: hashlib.sha256(item.id.encode()).digest())
        for index, item in enumerate(items):
            split = splits[item.source]
            reason = reasons.get(item.id)
            if reason is None and len(item.document) > self.config.max_chars:
                reason = "too-long"
            if reason is not None:
                yield Rejection(where=item.id, reason=reason, detail=item.summary[:80])
            elif not self.config.splits or split in self.config.splits:
                yield _make_record(item, joined.find(item.source), split, index)


def _choose_splits(items: list[Description], joined: groups.Groups) -> dict[str, str]:
    """Return source -> split."""
    rows = Counter(joined.find(item.source) for item in items)
    return {
        item.source: groups.choose_split(joined.find(item.source), rows[joined.find(item.source)]) for item in items
    }


def _find_reasons(items: list[Description], splits: dict[str, str]) -> dict[str, str]:
    """Return id -> reason for every row that is kept out."""
    boilerplate = groups.find_boilerplate(items)
    reasons = {item.id: reason for item in items if (reason := rules.why_dropped(item, boilerplate))}
    reasons |= rules.drop_repeats([item for item in items if item.id not in reasons])
    kept = [item for item in items if item.id not in reasons]
    held_out = {item.id: item.document for item in kept if splits[item.source] != "train"}
    training = (item.document for item in kept if splits[item.source] == "train")
    return reasons | dict.fromkeys(groups.find_near(held_out, training), "near-training-row")


def _make_record(item: Description, group: str, split: str, index: int) -> Record:
    meta = {"split": split, "index": str(index), "package": item.package, "package_source": item.source}
    document = Document(id=item.id, text=item.document, language=item.language.replace("_", "-"), meta=meta)
    return Record(document=document, summary=item.summary, group=group)


sources.register("debian")(DebianSource)
