"""The `export` verb: a checkpoint as a model folder for others, reloaded and compared before it is called done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepsynth.core.config import Config
from deepsynth.core.errors import InputError
from deepsynth.core.files import new_folder
from deepsynth.core.progress import Reporter


class ExportConfig(Config):
    """What is exported, and how."""

    checkpoint: str = ""
    """Checkpoint or model folder to export; adapters are merged into their base model."""
    out: Path = Path("runs/export")
    """Folder to write; it is replaced once the new one is whole and has been compared."""
    layout: Literal["original", "transformers"] = "original"
    """Names of the weights: those of the official code, or those of the transformers classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult:
    """What was written and how it compares."""

    out: Path
    layout: str
    tensors: int
    parameters: int

    def describe(self) -> str:
        """Return it in words."""
        return (
            f"wrote {self.out} in the {self.layout} layout: {self.tensors} tensors, {self.parameters:,} parameters;"
            " reloaded, every weight equal to the last bit"
        )


def run(config: ExportConfig, reporter: Reporter) -> ExportResult:
    """Export a checkpoint.

    Raises:
        InputError: no checkpoint was named.
        ModelError: it cannot be read, or the written folder does not give the same weights again.
        StorageError: the disk refused.
    """
    if not config.checkpoint:
        raise InputError("name the checkpoint to export", field="checkpoint")
    from deepsynth.inference.summarizer import load_any
    from deepsynth.models import save_model, system_errors
    from deepsynth.models.comparing import check_same_weights
    from deepsynth.training.tuning import ADAPTER, load_trained

    folder = Path(config.checkpoint)
    loaded = load_trained(folder) if (folder / ADAPTER).is_file() else load_any(config.checkpoint)
    reporter.message(f"exporting {config.checkpoint} in the {config.layout} layout")
    with new_folder(config.out, {"layout": config.layout}) as target, system_errors():
        save_model(loaded, target, original=config.layout == "original")
        tensors, parameters = check_same_weights(loaded, target)
    return ExportResult(out=config.out, layout=config.layout, tensors=tensors, parameters=parameters)
