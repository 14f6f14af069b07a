"""What others have published, as data with sources, and whether a run may stand beside it.

Two ROUGE figures of different splits, row counts, tokenizers, or of ROUGE-L and ROUGE-Lsum differ by more than systems do. So a
figure is compared only when data set, configuration, split, number of rows and variant are the run's own; every other one is
listed with the reason why it cannot be compared.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from deepsynth.data.sources.known import KNOWN, find_known
from deepsynth.evaluation.metrics import STEMMED

UNSURE = "rougeL_or_Lsum"
"""The name of a value whose source does not say whether it is ROUGE-L or ROUGE-Lsum."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """The scores of one published system on one split."""

    dataset: str
    """Short name (see `deepsynth.data.sources.known`)."""
    subset: str | None
    split: str
    system: str
    scores: Mapping[str, float]
    stemmed: bool | None
    """Whether words were stemmed as papers do; none when not stated."""
    tool: str
    source: str
    evidence: str
    """`paper`, `project's own page`, `model card`, `secondary` or `unverified`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkRun:
    """What of a run decides which figures it may stand beside."""

    dataset: str
    """Short name or Hub id; anything else has no published figures here."""
    subset: str | None
    """Its configuration; none means the usual one of the data set."""
    split: str
    rows: int
    metrics: Collection[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """A published figure and why it cannot be compared; no reason means that it can."""

    figure: Figure
    reasons: tuple[str, ...]
    scores: Mapping[str, float]
    """The values that compare, by the run's own name of the metric."""


@functools.cache
def _published() -> dict[str, Any]:
    return json.loads(files("deepsynth.evaluation").joinpath("figures", "summaries.json").read_text(encoding="utf-8"))


def published_figures() -> list[Figure]:
    """Return every published figure."""
    return [Figure(**row) for row in _published()["figures"]]


def rows_of(dataset: str, subset: str | None, split: str) -> int | None:
    """Return how many rows a split of a known data set has, where that is recorded."""
    rows: Mapping[str, Mapping[str, int]] = _published()["rows"]
    return (rows.get(f"{dataset}:{subset}") or rows.get(dataset) or {}).get(split)


def short_name(dataset: str) -> str | None:
    """Return the short name of a known data set by short name or Hub id; none for any other."""
    known = find_known(dataset)
    return next((name for name, item in KNOWN.items() if item is known), None)


def figures_beside(run: BenchmarkRun) -> list[Beside]:
    """Return the published figures on the run's data set, each with what keeps it from being compared."""
    name = short_name(run.dataset)
    if name is not None and run.subset is None:
        run = replace(run, subset=KNOWN[name].usual_subset)
    return [_beside(run, figure) for figure in published_figures() if name is not None and figure.dataset == name]


def _beside(run: BenchmarkRun, figure: Figure) -> Beside:
    reasons: list[str] = []
    if figure.subset not in (None, run.subset):
        reasons.append(f"configuration {figure.subset}, not {run.subset}")
    if figure.split != run.split:
        reasons.append(f"split {figure.split}, not {run.split}")
    total = rows_of(figure.dataset, run.subset, run.split)
    if not reasons and run.rows != total:
        reasons.append(f"{run.rows:,} rows here, {'an unknown number' if total is None else f'{total:,}'} there")
    if not figure.stemmed:
        reasons.append("stemming is not stated")
    scores = {
        metric + STEMMED: value
        for metric, value in figure.scores.items()
        if metric != UNSURE and metric + STEMMED in run.metrics
    }
    if not scores:
        reasons.append("no variant of ROUGE in common")
    return Beside(figure=figure, reasons=tuple(reasons), scores={} if reasons else scores)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoxBin:
    """The paper's precision for pages of `low` to `high` text tokens, by visual tokens of the page (64 and 100)."""

    low: int
    high: int
    pages: int | None
    precision: Mapping[int, float]
    compression: Mapping[int, float]


@functools.cache
def fox_curve() -> tuple[tuple[FoxBin, ...], str]:
    """Return the curve that the DeepSeek-OCR paper published on Fox, and its source."""
    text = files("deepsynth.evaluation").joinpath("figures", "fox.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    bins = tuple(
        FoxBin(
            low=row["low"],
            high=row["high"],
            pages=row["pages"],
            precision={int(tokens): value for tokens, value in row["precision"].items()},
            compression={int(tokens): value for tokens, value in row["compression"].items()},
        )
        for row in values["bins"]
    )
    return bins, values["source"]
