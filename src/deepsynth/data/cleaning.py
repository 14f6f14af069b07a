"""What is kept out of a dataset and why: each rule gives a short reason that the report counts."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from deepsynth.core.documents import Record
from deepsynth.data.config import CleaningConfig, SplitConfig


class Cleaner:
    """Judges records one after another; it remembers the documents it has seen, as hashes."""

    def __init__(self, config: CleaningConfig) -> None:
        self._config = config
        self._seen: set[bytes] = set()
        self.flags: dict[str, int] = {}
        """Reason -> rows that were kept but deserve a look."""

    def cut(self, record: Record) -> Record:
        """Return the record with its document cut to `cut_chars`, behind a whole paragraph, sentence or word."""
        text, limit = record.document.text, self._config.cut_chars
        if text is None or limit is None or len(text) <= limit:
            return record
        head = text[: limit + 1]
        ends = [head.rfind("\n", 0, limit + 1), head.rfind(". ", 0, limit) + 1, head.rfind(" ", 0, limit + 1)]
        end = next((place for place in ends if place >= limit // 2), limit)
        return replace(record, document=replace(record.document, text=text[:end].rstrip()))

    def reason(self, record: Record) -> str | None:
        """Return why a record is kept out, or none."""
        config, text, summary = self._config, record.document.text, record.summary
        if text is None:
            return None
        if len(text) < config.min_chars:
            return "document-too-short"
        if summary is not None:
            if len(summary) < config.min_summary_chars:
                return "summary-too-short"
            if len(text) < config.min_compression * len(summary):
                return "compression-too-low"
            if config.verbatim_summaries != "keep" and _letters(summary) in _letters(text):
                if config.verbatim_summaries == "drop":
                    return "summary-verbatim-in-document"
                self.flags["summary-verbatim-in-document"] = self.flags.get("summary-verbatim-in-document", 0) + 1
        return "duplicate-document" if config.exact_duplicates and self._repeats(text) else None

    def _repeats(self, text: str) -> bool:
        key = hashlib.blake2b(_letters(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key in self._seen:
            return True
        self._seen.add(key)
        return False


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def choose_split(record: Record, config: SplitConfig) -> str:
    """Return the split that the source names, or the one that the hash of the row's group decides."""
    named = record.document.meta.get("split")
    if named:
        return named
    key = f"{config.seed}:{record.group or record.document.id}"
    place = int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    if place < config.test:
        return "test"
    return "validation" if place < config.test + config.validation else "train"
