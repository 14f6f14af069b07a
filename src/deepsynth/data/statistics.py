"""What the rows of a dataset are like, in figures: read shard by shard, so that memory stays the same for any size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute

QUANTILES = (0.05, 0.5, 0.95)
_BATCH = 256
pc: Any = compute


class Statistics:
    """Counts of the lengths that occur; exact quantiles follow from them."""

    def __init__(self) -> None:
        self._found: dict[str, Counter[int]] = {}
        self.languages: Counter[str] = Counter()

    def add_shard(self, path: Path) -> None:
        """Count the rows of a shard."""
        with pq.ParquetFile(path) as file:
            # each thread that reads would keep some memory
            for batch in file.iter_batches(_BATCH, columns=["text", "summary", "language"], use_threads=False):
                self._add_texts(batch)
            # The pages themselves are not read: one picture has one (absent) path.
            for batch in file.iter_batches(_BATCH, columns=["pages.list.element.path"], use_threads=False):
                self._count("pages", pc.list_value_length(batch.column("pages")))

    def _add_texts(self, batch: pa.RecordBatch) -> None:
        texts, summaries = batch.column("text"), batch.column("summary")
        self._count("document characters", pc.utf8_length(texts))
        self._count("document words", _words(texts))
        self._count("summary words", _words(summaries))
        share = pc.divide(pc.cast(pc.utf8_length(texts), pa.float64()), pc.utf8_length(summaries))
        self._count("compression", pc.cast(pc.round(pc.multiply(share, 10.0)), pa.int64()))
        self.languages.update(name for name in batch.column("language").to_pylist() if name)

    def _count(self, name: str, lengths: Any) -> None:
        values = pc.drop_null(lengths)
        found = self._found.setdefault(name, Counter())
        for item in pc.value_counts(values).to_pylist():
            found[item["values"]] += item["counts"]

    def table(self) -> dict[str, dict[str, float]]:
        """Return measure -> `p5`, `p50`, `p95`, `mean`; measures that no row has are left out."""
        return {
            name: _quantiles(counts, 10.0 if name == "compression" else 1.0)
            for name, counts in self._found.items()
            if counts.total()
        }


def _words(texts: Any) -> Any:
    """Return the number of words, blanks between; languages without blanks count as few."""
    return pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(texts)))


def _quantiles(counts: Counter[int], unit: float) -> dict[str, float]:
    total = counts.total()
    found: dict[str, float] = {}
    wanted = list(QUANTILES)
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        while wanted and seen >= wanted[0] * total:
            found[f"p{round(100 * wanted.pop(0))}"] = value / unit
    mean = sum(value * count for value, count in counts.items()) / total / unit
    return {**found, "mean": round(mean, 1)}


def measure(shards: Iterable[Path]) -> Mapping[str, Any]:
    """Return the statistics of all shards: `lengths` by measure, `languages` by code."""
    statistics = Statistics()
    for path in shards:
        statistics.add_shard(path)
    return {"lengths": statistics.table(), "languages": dict(statistics.languages.most_common())}
