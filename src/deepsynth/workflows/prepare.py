"""The `prepare` verb: a source becomes a dataset of pages and summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.progress import Reporter
from deepsynth.data.prepare import Preparation, PrepareConfig

__all__ = ["PrepareConfig", "PrepareResult", "run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareResult:
    """What was written."""

    out: Path
    splits: Mapping[str, int]
    rejected: Mapping[str, int]

    def describe(self) -> str:
        """Return the counts in words."""
        kept = ", ".join(f"{count:,} {split}" for split, count in sorted(self.splits.items()))
        lines = [f"wrote {self.out}: {kept}"]
        if self.rejected:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rejected.items())
            lines.append(
                f"kept out {sum(self.rejected.values()):,} rows ({reasons}); see {self.out / 'rejected.jsonl'}"
            )
        return "\n".join(lines)


def run(config: PrepareConfig, reporter: Reporter) -> PrepareResult:
    """Prepare a dataset (see `Preparation.run` for what is refused)."""
    preparation = Preparation(config, reporter)
    preparation.run()
    # Further steps on the finished dataset, each one resumable by itself, belong here.
    return PrepareResult(out=config.out, splits=preparation.splits, rejected=preparation.reasons)
