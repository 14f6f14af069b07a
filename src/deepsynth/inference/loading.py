"""From what a user names to a model ready to write: a size, a checkpoint of either kind, a model folder or a Hub id."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from deepsynth.core.config import read_settings_file
from deepsynth.core.files import hash_file
from deepsynth.core.geometry import mode
from deepsynth.inference.adapters import ADAPTER, AdapterSet
from deepsynth.models import LoadedModel, default_model, families, load_model
from deepsynth.rendering.config import RenderConfig

TRAINED_WITH = "trainer.json"
"""Settings of the training run; each checkpoint holds them."""


def load_any(path_or_id: str | Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Return a built-in size by its name, a checkpoint (adapters are added to their base model), else what `load_model` finds.

    Raises:
        ModelError: nothing of that name can be read.
    """
    name = str(path_or_id)
    if name == "nano" and device == "cpu" and dtype == torch.float32:
        return default_model()
    if is_size(name):
        return _build(name, 0, device, dtype)
    if (Path(path_or_id) / ADAPTER).is_file():
        return _load_adapted(Path(path_or_id), device, dtype)
    return load_model(path_or_id, device=device, dtype=dtype)


def is_size(name: str) -> bool:
    """Tell whether a name means a built-in size, whose weights are random."""
    return any(name in families.get(family).sizes for family in families.names())


def _build(size: str, seed: int, device: str, dtype: torch.dtype) -> LoadedModel:
    family = next(families.get(name) for name in families.names() if size in families.get(name).sizes)
    return family.build(size, seed=seed, device=device, dtype=dtype)


def _load_adapted(folder: Path, device: str, dtype: torch.dtype) -> LoadedModel:
    """Return the base model that a checkpoint of adapters was trained on, with them added to its weights."""
    trained: dict[str, Any] = read_settings_file(folder / TRAINED_WITH)
    base = str(trained["model"])
    loaded = (
        _build(base, int(trained["seed"]), device, dtype)
        if is_size(base)
        else load_model(base, device=device, dtype=dtype)
    )
    AdapterSet(loaded, {"own": folder}).switch("own")
    return loaded


def weights_fingerprint(path_or_id: str | Path) -> str:
    """Return a hash of a folder's weights; the name itself for what is no folder here."""
    files = sorted(Path(path_or_id).glob("*.safetensors")) if Path(path_or_id).is_dir() else []
    return hashlib.sha256("".join(map(hash_file, files)).encode()).hexdigest() if files else str(path_or_id)


def stored_rendering(path_or_id: str | Path) -> RenderConfig | None:
    """Return the settings that a checkpoint was trained with, if it holds them."""
    path = Path(path_or_id) / TRAINED_WITH
    return RenderConfig.parse(read_settings_file(path)["rendering"]) if path.is_file() else None


def usual_rendering(loaded: LoadedModel) -> RenderConfig:
    """Return settings that suit a model nobody described: its usual mode, letters of about a sixth of a token."""
    return rendering_for(loaded.family.modes(loaded.model)[0])


def rendering_for(name: str) -> RenderConfig:
    """Return settings that suit a mode: letters of about a sixth of a visual token."""
    token_px = mode(name).token_px
    return RenderConfig(mode=name, px=max(10.0, token_px / 5), margin=token_px // 8)
