"""When a checkpoint may be gone on from: only by the run that wrote it, or the result would be neither one run nor another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsynth.core.errors import CheckpointError
from deepsynth.training.config import TrainerConfig

MAY_CHANGE = frozenset(
    {
        *("output_dir", "log_interval", "save_interval", "eval_interval", "eval_samples", "keep_checkpoints"),
        *("tracking", "hub"),
    }
)
"""Settings that a resumed run may have otherwise than the checkpoint: they change no weight."""


def refuse_other_settings(saved: TrainerConfig, wanted: TrainerConfig, folder: Path) -> None:
    """Refuse to go on from a checkpoint under other settings.

    Raises:
        CheckpointError: names the settings that differ.
    """
    before, now = _settings(saved), _settings(wanted)
    changed = [name for name in before if before[name] != now[name] and name not in MAY_CHANGE]
    if changed:
        raise CheckpointError(
            f"{folder} belongs to a run with other settings ({', '.join(changed)}); use another output_dir, or start from"
            f" its weights with --model {folder}"
        )


def _settings(config: TrainerConfig) -> dict[str, Any]:
    """Return the settings less two more that change no weight: the cache's place, and how many processes read ahead."""
    return config.model_dump(mode="json", exclude={"cache": {"folder"}, "data": {"num_workers"}})


def refuse_other_processes(saved: int, wanted: int, folder: Path) -> None:
    """Refuse to go on with another number of processes, for which the place in the data means nothing.

    Raises:
        CheckpointError: names both numbers.
    """
    if saved != wanted:
        raise CheckpointError(
            f"{folder} was trained by {saved} processes and this run has {wanted}; its place in the data means nothing"
            " here: start as many"
        )


def refuse_other_rows(saved: int, wanted: int, folder: Path) -> None:
    """Refuse to go on with another number of examples, whose order would be another one; 0 means that it is not known.

    Raises:
        CheckpointError: names both numbers.
    """
    if saved and saved != wanted:
        raise CheckpointError(
            f"{folder} was trained on {saved:,} examples and there are {wanted:,} now, in another order; use another"
            f" output_dir, or start from its weights with --model {folder}"
        )
