"""What a model's folder says about itself without being loaded."""

from __future__ import annotations

from pathlib import Path

from deepsynth.core.built_in import folder_of
from deepsynth.core.config import read_settings_file
from deepsynth.rendering.config import RenderConfig

TRAINED_WITH = "trainer.json"
"""Settings of the training run; each checkpoint holds them."""


def stored_rendering(path_or_id: str | Path) -> RenderConfig | None:
    """Return the settings that a checkpoint was trained with, if it holds them."""
    path = folder_of(path_or_id) / TRAINED_WITH
    return RenderConfig.parse(read_settings_file(path)["rendering"]) if path.is_file() else None
