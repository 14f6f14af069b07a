"""From a checkpoint to the folder that ships: weights in bfloat16, settings, tokenizer, and how the model wants to be asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from deepsynth.core.built_in import ASKING
from deepsynth.core.files import new_folder, read_manifest, write_json
from deepsynth.inference.habits import Habits
from deepsynth.models import load_model, save_model

LINES = 4
"""Lines of a page as it is shown: on fuller pages the model loses its place (measure.py)."""
HABITS = Habits(read_first=True, keep_lines=True, pages_per_prompt=1)


def ship(checkpoint: Path, target: Path) -> None:
    """Write `target` anew from a checkpoint whose files are whole."""
    read_manifest(checkpoint)
    loaded = load_model(checkpoint)
    loaded.model.to(torch.bfloat16)
    shutil.rmtree(target, ignore_errors=True)
    with new_folder(target) as folder:
        save_model(loaded, folder)
        settings = json.loads((checkpoint / "trainer.json").read_text(encoding="utf-8"))
        settings["rendering"]["lines"] = LINES
        write_json(folder / "trainer.json", settings)
        write_json(folder / ASKING, HABITS.model_dump(mode="json"))
