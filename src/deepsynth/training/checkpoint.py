"""A checkpoint: a folder with the model, the optimizers, the random states and the place in the data; manifest last.

Everything is safetensors or JSON, so a checkpoint can be opened without running anybody's code, and the folder is also a
model folder: `deepsynth summarize --model runs/train/checkpoint-500` reads it like any other.

    config.json model.safetensors tokenizer.json   the model; or adapter_* alone, when adapters learn
    average.safetensors                            the moving average of the weights, when there is one
    trainer.json                                   the settings, the whole tree
    state.json random.safetensors                  what resuming needs beside:
    optimizer-*.safetensors masters.safetensors    moments, and float32 copies of coarser weights
    manifest.json                                  sizes and hashes; written last
"""

from __future__ import annotations

import json
import logging
import random
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepsynth.core.documents import Checkpoint
from deepsynth.core.errors import CheckpointError
from deepsynth.core.files import new_folder, write_json
from deepsynth.inference.stored import TRAINED_WITH
from deepsynth.models import LoadedModel, system_errors
from deepsynth.training.config import TrainerConfig
from deepsynth.training.tuning import FullTuning, Tuning
from deepsynth.training.updating import Updater

logger = logging.getLogger(__name__)

TRAINER, STATE, AVERAGE = TRAINED_WITH, "state.json", "average.safetensors"
_NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(kw_only=True, slots=True)
class TrainState:
    """Where a run stands; everything else that changes lies in weights, optimizers and random states."""

    step: int = 0
    """Optimizer steps taken."""
    epoch: int = 0
    batches: int = 0
    """Batches of this epoch that were read, over all processes together."""
    examples: int = 0
    label_tokens: int = 0
    best_loss: float | None = None
    best_step: int | None = None
    stale_evaluations: int = 0
    """Evaluations in a row without a better loss."""
    stopped: bool = False
    """Whether the run ended early."""
    processes: int = 1
    """Processes that trained together; `batches` counts batches of all of them."""
    rows: int = 0
    """Examples of the training split, on which their order depends; 0 in checkpoints from before they were noted."""
    tally: dict[str, float] = field(default_factory=dict[str, float])
    """Sums over the steps since the last line of metrics, which a resumed run goes on with (see `metrics.StepLog`)."""

    def count(self, examples: int, label_tokens: int) -> None:
        """Count a step."""
        self.step += 1
        self.examples += examples
        self.label_tokens += label_tokens


def save_checkpoint(
    folder: Path,
    loaded: LoadedModel,
    updating: Mapping[str, Mapping[str, Tensor]],
    state: TrainState,
    config: TrainerConfig,
    *,
    scale: Mapping[str, Any] | None = None,
    tuning: Tuning | None = None,
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint that is whole or absent; `tuning` decides what of the model is in it.

    `updating` and `scale` are what the `Updater` must find again.

    Raises:
        StorageError: the disk refused; what stood there before is untouched.
    """
    with new_folder(folder, {"step": state.step}) as target, system_errors():
        (tuning or FullTuning()).save(loaded, target)
        if average is not None:
            save_file(dict(average), target / AVERAGE)
        config.save(target / TRAINER)
        for name, tensors in updating.items():
            save_file(dict(tensors), target / f"{name}.safetensors")
        save_file(_random_tensors(), target / "random.safetensors")
        write_json(target / STATE, {**asdict(state), "python_random": _python_random(), "loss_scale": scale})


def load_state(folder: Path, updater: Updater) -> TrainState:
    """Fill the updater and the random states from a checkpoint; return where the run stands."""
    values: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    updater.load({path.stem: load_file(path) for path in _updating_files(folder)}, values.pop("loss_scale", None))
    kind, words, position = values.pop("python_random")
    random.setstate((kind, tuple(words), position))
    _set_random(load_file(folder / "random.safetensors"))
    return TrainState(**values)


def _updating_files(folder: Path) -> list[Path]:
    return [*folder.glob("optimizer-*.safetensors"), *folder.glob("masters.safetensors")]


def newest_checkpoint(run: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint of a run; a damaged one is skipped with a warning that says why."""
    for folder in reversed(checkpoints(run)):
        try:
            return Checkpoint(folder=folder, step=step_of(folder))
        except CheckpointError as error:
            logger.warning("checkpoint skipped: %s", error)
    return None


def checkpoints(run: Path) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    found = [path for path in run.glob("checkpoint-*") if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def step_of(folder: Path) -> int:
    """Return the optimizer step that a checkpoint's name holds."""
    found = _NAME.fullmatch(folder.name)
    assert found, folder
    return int(found[1])


def remove_old(run: Path, keep: int, best_step: int | None) -> None:
    """Remove all but the newest `keep` checkpoints and the best one."""
    for folder in checkpoints(run)[:-keep]:
        if step_of(folder) != best_step:
            shutil.rmtree(folder)


def _random_tensors() -> dict[str, Tensor]:
    kind, words, *rest = np.random.get_state(legacy=True)
    assert kind == "MT19937"
    tensors = {
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.asarray(words, np.int64)),
        "numpy_rest": torch.tensor([float(item) for item in rest], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        tensors |= {f"cuda.{index}": value for index, value in enumerate(torch.cuda.get_rng_state_all())}
    return tensors


def _set_random(tensors: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(tensors["torch"])
    position, has_gauss, gauss = tensors["numpy_rest"].tolist()
    words = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", words, int(position), int(has_gauss), gauss))
    devices = [tensors[name] for name in sorted(tensors) if name.startswith("cuda.")]
    if devices and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(devices)


def _python_random() -> list[Any]:
    kind, words, position = random.getstate()
    return [kind, list(words), position]
