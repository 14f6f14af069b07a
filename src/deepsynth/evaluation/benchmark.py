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
from deepsynth.data.prepared import SETTINGS, PreparedDataset, Split, TaskExamples
from deepsynth.data.tasks import Row
from deepsynth.evaluation.published import BenchmarkRun
from deepsynth.rendering.config import RenderConfig

KEEP_ALL: Mapping[str, Any] = {
    "min_chars": 0,
    "min_summary_chars": 0,
    "min_compression": 0.0,
    "language_check": "keep",
    "exact_duplicates": False,
    "near_duplicates": "keep",
    "leaks": "keep",
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which rows are asked for, and how a dataset that is not prepared is to be drawn."""

    data: Path
    """Folder of a prepared dataset; else anything that `deepsynth prepare` takes as a source."""
    rendering: RenderConfig
    """How the pages of a named dataset are drawn; characters without a glyph are replaced, or rows would be lost."""
    split: str = "test"
    training_split: str = "train"
    subset: str | None = None
    limit: int | None = None
    training_limit: int = 20_000
    max_pages: int | None = None
    """Pages that are drawn of a document of a named dataset."""

    def is_prepared(self) -> bool:
        """Tell whether the data is a prepared dataset."""
        return (self.data / SETTINGS).is_file()


def open_benchmark(wanted: Wanted, work: Path, reporter: Reporter, *, trained: RenderConfig | None = None) -> Benchmark:
    """Open a prepared dataset, or prepare the named one's splits in `work` first, keeping every row.

    `trained` is how the model's training pages were drawn, where that is known; a prepared dataset is then drawn so too.

    Raises:
        InputError: there is no such dataset or split.
    """
    if wanted.is_prepared():
        if wanted.subset is not None:
            raise InputError(
                f"{wanted.data} is a prepared dataset; its rows have no configuration {wanted.subset!r}", field="subset"
            )
        dataset = PreparedDataset(wanted.data)
        training_set, drawn = dataset, trained or dataset.rendering
    else:
        dataset = _prepare(wanted, wanted.split, wanted.limit, work, reporter)
        training_set, drawn = _training(wanted, work, reporter), dataset.rendering
    rows = dataset.split(wanted.split)
    reading: Mapping[str, Any] = dataset.settings.get("reading", {})
    return Benchmark(
        split=rows,
        examples=TaskExamples(rows, DataConfig(path=dataset.folder), drawn, limit=wanted.limit),
        training=[] if training_set is None else _training_rows(training_set, wanted),
        rendering=drawn,
        fingerprint=dataset.fingerprint,
        source=str(dataset.settings.get("source", wanted.data)),
        subset=reading.get("subset"),
        split_name=wanted.split,
        rejected=sum(dataset.settings_report.get("rejected", {}).values()),
    )


def _training_rows(dataset: PreparedDataset, wanted: Wanted) -> list[Row]:
    """Return training rows with summaries; none for a dataset that has no such split."""
    if wanted.training_split not in dataset.splits():
        return []
    rows = (row for row in dataset.split(wanted.training_split).rows() if row.summary)
    return list(islice(rows, wanted.training_limit))


def _prepare(wanted: Wanted, split: str, limit: int | None, work: Path, reporter: Reporter) -> PreparedDataset:
    drawn = wanted.rendering.override({"missing": "replace", "max_pages": wanted.max_pages})
    config = PrepareConfig.parse(
        {
            "source": str(wanted.data),
            "out": work / split,
            "pages": "on-the-fly",
            "reading": {"splits": (split,), "subset": wanted.subset, "limit": limit, "max_chars": 10**9},
            "cleaning": KEEP_ALL,
            "rendering": drawn,
        }
    )
    reporter.message(f"preparing {wanted.data}, split {split}")
    Preparation(config, reporter).run()
    return PreparedDataset(config.out)


def _training(wanted: Wanted, work: Path, reporter: Reporter) -> PreparedDataset | None:
    """Return the training rows of a named dataset; none, with a message, where it has no such split."""
    try:
        return _prepare(wanted, wanted.training_split, wanted.training_limit, work, reporter)
    except InputError as error:
        if error.field != "splits":
            raise
        reporter.message(f"{error}; baselines that need training rows are left out")
        return None
