"""Rows to evaluate on: a split of a prepared dataset, or of one that is named and prepared for the purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter
from deepsynth.data.config import DataConfig
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.data.prepared import PreparedDataset, Split, TaskExamples
from deepsynth.data.tasks import Row
from deepsynth.evaluation.published import BenchmarkRun
from deepsynth.rendering.config import RenderConfig

KEEP_ALL: Mapping[str, Any] = {
    "min_chars": 0,
    "min_summary_chars": 0,
    "min_compression": 0.0,
    "exact_duplicates": False,
    "verbatim_summaries": "keep",
    "max_pages": 10**6,
}
"""A benchmark keeps every row that can be read: its figures are over all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """The rows of an evaluation, the rows that baselines draw on, and where both come from."""

    split: Split
    examples: TaskExamples
    training: list[Row]
    rendering: RenderConfig
    fingerprint: str
    source: str
    subset: str | None
    split_name: str
    rejected: int
    """Rows that the source could not give."""

    def rows(self) -> list[Row]:
        """Return the rows that are evaluated, without their pages."""
        return [self.split.row(number) for number in range(len(self.examples))]

    @property
    def english(self) -> bool:
        """Whether most rows are in English."""
        rows = self.rows()
        return 2 * sum(row.language.startswith("en") for row in rows) > len(rows)

    def run(self, metrics: Any) -> BenchmarkRun:
        """Return what decides which published figures these rows may stand beside."""
        return BenchmarkRun(
            dataset=self.source,
            subset=self.subset,
            split=self.split_name,
            rows=len(self.examples),
            metrics=tuple(metrics),
        )


def open_benchmark(
    data: Path,
    *,
    split: str,
    training_split: str,
    rendering: RenderConfig | None,
    limit: int | None,
    training_limit: int,
    subset: str | None,
    work: Path,
    reporter: Reporter,
) -> Benchmark:
    """Open a prepared dataset, or prepare the named one's splits in `work` first, keeping every row.

    `rendering` is that of the model; without it the dataset's own.

    Raises:
        InputError: there is no such dataset or split.
    """
    if data.is_dir() and (data / "dataset.json").is_file():
        if subset is not None:
            raise InputError(f"{data} is a prepared dataset; its rows have no configuration {subset!r}", field="subset")
        dataset, training_set = PreparedDataset(data), PreparedDataset(data)
    else:
        dataset = _prepare(str(data), split, subset, limit, rendering, work, reporter)
        training_set = _training(str(data), training_split, subset, training_limit, rendering, work, reporter)
    drawn = rendering or dataset.rendering
    rows = dataset.split(split)
    reading: Mapping[str, Any] = dataset.settings.get("reading", {})
    training = [] if training_set is None else _training_rows(training_set, training_split, training_limit)
    return Benchmark(
        split=rows,
        examples=TaskExamples(rows, DataConfig(path=dataset.folder), drawn, limit=limit),
        training=training,
        rendering=drawn,
        fingerprint=dataset.fingerprint,
        source=str(dataset.settings.get("source", data)),
        subset=reading.get("subset"),
        split_name=split,
        rejected=sum(dataset.settings_report.get("rejected", {}).values()),
    )


def _training_rows(dataset: PreparedDataset, name: str, limit: int) -> list[Row]:
    """Return training rows with summaries; none for a dataset that has no such split."""
    if name not in dataset.splits():
        return []
    return list(islice((row for row in dataset.split(name).rows() if row.summary), limit))


def _prepare(
    source: str, split: str, subset: str | None, limit: int | None, rendering: RenderConfig | None, work: Path,
    reporter: Reporter,
) -> PreparedDataset:  # fmt: skip
    drawn = (rendering or RenderConfig()).override({"missing": "replace"})
    config = PrepareConfig.parse(
        {
            "source": source,
            "out": work / split,
            "pages": "on-the-fly",
            "reading": {"splits": (split,), "subset": subset, "limit": limit, "max_chars": 10**9},
            "cleaning": KEEP_ALL,
            "rendering": drawn,
        }
    )
    reporter.message(f"preparing {source}, split {split}")
    Preparation(config, reporter).run()
    return PreparedDataset(config.out)


def _training(
    source: str, split: str, subset: str | None, limit: int, rendering: RenderConfig | None, work: Path,
    reporter: Reporter,
) -> PreparedDataset | None:  # fmt: skip
    """Return the training rows of a named dataset; none, with a message, where it has no such split."""
    try:
        return _prepare(source, split, subset, limit, rendering, work, reporter)
    except InputError as error:
        if error.field != "splits":
            raise
        reporter.message(f"{error}; baselines that need training rows are left out")
        return None
