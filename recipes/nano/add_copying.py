"""Give a checkpoint the path by which the decoder copies: what it has learned stays, and the next stage trains both."""

from __future__ import annotations

import shutil
from pathlib import Path

from deepsynth.core.files import new_folder, read_manifest
from deepsynth.models import load_model, save_model
from deepsynth.models.deepseek_ocr.copying import add_copying

WIDTH = 64


def widen(checkpoint: Path, target: Path) -> None:
    """Write `target` anew from a checkpoint whose files are whole."""
    read_manifest(checkpoint)
    loaded = load_model(checkpoint)
    add_copying(loaded.model, WIDTH)
    shutil.rmtree(target, ignore_errors=True)
    with new_folder(target) as folder:
        save_model(loaded, folder)
