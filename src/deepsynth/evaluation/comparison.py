"""Two evaluations of the same rows: which is better, by how much, how surely; and the floors that a run must keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsynth.core.errors import InputError
from deepsynth.evaluation.metrics import METRICS
from deepsynth.evaluation.uncertainty import Difference, seeds_difference

REPORT = "report.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What of a written report is compared."""

    name: str
    ids: tuple[str, ...]
    references: tuple[str, ...]
    scores: Mapping[str, npt.NDArray[np.float64]]
    """Metric -> one value a row, of the model's summaries."""
    tokenizer: str
    data_fingerprint: str


def read_run(path: Path) -> Run:
    """Read the report of an evaluation: its folder, or the file itself.

    Raises:
        InputError: there is none, or it holds no scores by row.
    """
    file = path / REPORT if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"no report at {file}; make one with: deepsynth evaluate --out {path}")
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        rows: list[dict[str, Any]] = values["rows"]
        metrics = list(rows[0]["scores"]) if rows else []
        return Run(
            name=str(path),
            ids=tuple(row["id"] for row in rows),
            references=tuple(row["reference"] for row in rows),
            scores={name: np.array([row["scores"][name] for row in rows], dtype=np.float64) for name in metrics},
            tokenizer=values["tokenizer"],
            data_fingerprint=values["data_fingerprint"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no report with scores by row ({error!r}); evaluate again") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How B differs from A, by metric."""

    before: str
    after: str
    rows: int
    means: Mapping[str, tuple[float, float]]
    """Metric -> mean of A and of B, over rows and seeds."""
    differences: Mapping[str, Difference]
    """Metric -> B minus A."""

    def worse(self) -> list[str]:
        """Return the metrics in which B is clearly worse."""
        return [name for name, difference in self.differences.items() if verdict(name, difference) == "worse"]

    def to_markdown(self) -> str:
        """Return the table of differences, each called what it is."""
        lines = [
            f"B ({self.after}) against A ({self.before}), {self.rows} rows, paired; difference with its 95 % interval.",
            "",
            "| Metric | A | B | B - A | p | |",
            "|---|---:|---:|---:|---:|---|",
        ]
        for name, difference in self.differences.items():
            first, second = self.means[name]
            interval = f"{difference.mean:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}]"
            lines.append(
                f"| {METRICS[name].head} | {first:.2f} | {second:.2f} | {interval} | {difference.p_value:.4f} "
                f"| {verdict(name, difference)} |"
            )
        return "\n".join(lines)

    def to_values(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return {
            "a": self.before,
            "b": self.after,
            "rows": self.rows,
            "metrics": {
                name: {
                    "a": self.means[name][0],
                    "b": self.means[name][1],
                    "difference": difference.mean,
                    "low": difference.low,
                    "high": difference.high,
                    "p_value": difference.p_value,
                    "verdict": verdict(name, difference),
                }
                for name, difference in self.differences.items()
            },
        }


def verdict(metric: str, difference: Difference) -> str:
    """Return `better`, `worse`, `larger`, `smaller` (where neither is better) or `no clear difference`."""
    if not difference.clear:
        return "no clear difference"
    better = METRICS[metric].better
    if better == "neither":
        return "larger" if difference.mean > 0 else "smaller"
    return "better" if (difference.mean > 0) == (better == "higher") else "worse"


def compare_runs(before: Sequence[Run], after: Sequence[Run], *, seed: int = 0) -> Comparison:
    """Compare two recipes, each by one run or by several seeds.

    Raises:
        InputError: runs are of different rows, references or tokenizers; names the first difference.
    """
    first = before[0]
    for run in (*before[1:], *after):
        _check_same_rows(first, run)
    shared = [name for name in METRICS if all(name in run.scores for run in (*before, *after))]
    if not shared:
        raise InputError(f"{first.name} and {after[0].name} have no metric in common")
    columns = {name: ([run.scores[name] for run in before], [run.scores[name] for run in after]) for name in shared}
    return Comparison(
        before=", ".join(run.name for run in before),
        after=", ".join(run.name for run in after),
        rows=len(first.ids),
        means={name: (float(np.mean(a)), float(np.mean(b))) for name, (a, b) in columns.items()},
        differences={name: seeds_difference(b, a, seed=seed) for name, (a, b) in columns.items()},
    )


def _check_same_rows(first: Run, other: Run) -> None:
    pair = f"{first.name} and {other.name}"
    if first.tokenizer != other.tokenizer:
        raise InputError(
            f"{pair} cut words differently ({first.tokenizer}, {other.tokenizer}); evaluate one of them again"
        )
    if len(first.ids) != len(other.ids):
        raise InputError(f"{pair} hold {len(first.ids)} and {len(other.ids)} rows; only the same rows can be compared")
    for number, (mine, theirs) in enumerate(zip(first.ids, other.ids, strict=True)):
        if mine != theirs:
            raise InputError(
                f"{pair} differ in row {number}: {mine!r} and {theirs!r}; only the same rows can be compared"
            )
        if first.references[number] != other.references[number]:
            raise InputError(f"{pair} have different references for row {mine!r}; only the same rows can be compared")


def check_floors(floors: Mapping[str, float]) -> None:
    """Refuse floors of metrics that no evaluation measures.

    Raises:
        InputError: names the first such metric, and those that there are.
    """
    for name in floors:
        if name not in METRICS:
            raise InputError(
                f"no metric {name!r} to set a floor for; metrics: {', '.join(METRICS)}", field="fail_under"
            )


def failures(means: Mapping[str, float], floors: Mapping[str, float]) -> list[str]:
    """Return a line for each metric that misses its floor; for one that should be low, the floor is a ceiling.

    Raises:
        InputError: a floor names a metric that was not measured.
    """
    unknown = sorted(set(floors) - set(means))
    if unknown:
        raise InputError(
            f"no score {unknown[0]!r} to hold against its floor; measured: {', '.join(means)}", field="fail_under"
        )
    lines: list[str] = []
    for name, floor in floors.items():
        value, lower = means[name], METRICS[name].better == "lower"
        if value > floor if lower else value < floor:
            lines.append(f"{name} is {value:.2f}, {'over' if lower else 'under'} {floor:g}")
    return lines
