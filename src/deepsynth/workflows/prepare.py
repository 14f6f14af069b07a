"""The `prepare` verb: a source becomes a dataset of pages and summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.progress import Reporter
from deepsynth.data.config import EncodeConfig
from deepsynth.data.prepare import Preparation, PrepareConfig

__all__ = ["PrepareConfig", "PrepareResult", "run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareResult:
    """What was written."""

    out: Path
    splits: Mapping[str, int]
    rejected: Mapping[str, int]
    encoded: str = ""
    """What was put into the cache of visual tokens, in words; empty when that was not asked for."""

    def describe(self) -> str:
        """Return the counts in words."""
        kept = ", ".join(f"{count:,} {split}" for split, count in sorted(self.splits.items()))
        lines = [f"wrote {self.out}: {kept}"]
        if self.rejected:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rejected.items())
            lines.append(
                f"kept out {sum(self.rejected.values()):,} rows ({reasons}); see {self.out / 'rejected.jsonl'}"
            )
        return "\n".join([*lines, self.encoded] if self.encoded else lines)


def run(config: PrepareConfig, reporter: Reporter) -> PrepareResult:
    """Prepare a dataset and, if asked, encode its pages; each goes on where it stopped.

    Raises:
        Paused: SIGTERM or Ctrl-C while pages were encoded; those that were are kept.
        DeepSynthError: the source, the dataset or the model cannot be read; see `Preparation.run` and `encode_dataset`.
    """
    preparation = Preparation(config, reporter)
    preparation.run()
    encoded = "" if config.encode is None else _encode(config, config.encode, reporter)
    return PrepareResult(out=config.out, splits=preparation.splits, rejected=preparation.reasons, encoded=encoded)


def _encode(config: PrepareConfig, encode: EncodeConfig, reporter: Reporter) -> str:
    from deepsynth.training.caching import encode_dataset

    control = Control()
    workers = config.scale.workers if config.scale.workers > 1 else 0
    with pause_on_signals(control):
        cache, done = encode_dataset(config.out, encode, workers=workers, reporter=reporter, control=control)
    counts = f"{done:,} documents for {encode.model} now, {len(cache):,} in all"
    return f"encoded {counts}; train with the same model and `cache`: {cache.folder}"
