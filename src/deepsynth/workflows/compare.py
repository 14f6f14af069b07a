"""The `compare` verb: two evaluations of the same rows, paired, and a gate for continuous integration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.errors import InputError, QualityError
from deepsynth.core.files import write_json
from deepsynth.core.progress import Reporter


class CompareConfig(Config):
    """Which runs are compared, and what B must hold."""

    runs: tuple[Path, ...] = ()
    """Two folders of `deepsynth evaluate`: A, the one to compare with, and B."""
    seeds_a: tuple[Path, ...] = ()
    """More runs of A's recipe with other seeds; then intervals cover the luck of seeds too."""
    seeds_b: tuple[Path, ...] = ()
    """More runs of B's recipe with other seeds."""
    fail_under: dict[str, float] = Field(default_factory=dict)
    """Scores that B must reach, for example `rougeL: 25`; else the exit code is 1. A ceiling for scores that should be low."""
    fail_if_worse: tuple[str, ...] = ()
    """Scores in which B must not be clearly worse than A, for example `rougeL`; else the exit code is 1."""
    out: Path | None = None
    """Write the comparison as JSON to this file too."""
    seed: int = 0
    """Decides the draws of intervals and tests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareResult:
    """The comparison in words."""

    text: str

    def describe(self) -> str:
        """Return it."""
        return self.text


def run(config: CompareConfig, reporter: Reporter) -> CompareResult:
    """Compare two evaluations.

    Raises:
        InputError: there are not two runs, or they are not of the same rows.
        QualityError: B misses a floor, or is clearly worse where it must not be.
    """
    from deepsynth.evaluation.comparison import compare_runs, failures, read_run

    if len(config.runs) != 2:
        raise InputError(f"name two runs, A and B, not {len(config.runs)}", field="runs")
    before, after = ([read_run(path) for path in paths] for paths in (
        (config.runs[0], *config.seeds_a), (config.runs[1], *config.seeds_b)
    ))  # fmt: skip
    comparison = compare_runs(before, after, seed=config.seed)
    if config.out is not None:
        write_json(config.out, comparison.to_values())
    unknown = [name for name in config.fail_if_worse if name not in comparison.differences]
    if unknown:
        raise InputError(
            f"no score {unknown[0]!r} in both runs; they have {', '.join(comparison.differences)}",
            field="fail_if_worse",
        )
    missed = failures({name: means[1] for name, means in comparison.means.items()}, config.fail_under)
    missed += [f"{name} is clearly worse" for name in comparison.worse() if name in config.fail_if_worse]
    if missed:
        reporter.message(comparison.to_markdown())
        raise QualityError(f"{config.runs[1]}: {'; '.join(missed)}")
    return CompareResult(text=comparison.to_markdown())
