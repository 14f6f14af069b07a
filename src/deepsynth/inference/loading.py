"""From what a user names to a model ready to write: a size, a checkpoint of either kind, a model folder or a Hub id."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from deepsynth.core.built_in import SIZES, folder_of
from deepsynth.core.config import read_settings_file
from deepsynth.core.errors import ModelError
from deepsynth.core.files import hash_file
from deepsynth.core.geometry import mode
from deepsynth.inference.adapters import ADAPTER, AdapterSet
from deepsynth.inference.stored import TRAINED_WITH
from deepsynth.models import LoadedModel, build_size, load_model
from deepsynth.rendering.config import RenderConfig


def load_any(path_or_id: str | Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Return a built-in size by its name, a checkpoint (adapters are added to their base model), else what `load_model` finds.

    Raises:
        ModelError: nothing of that name can be read.
    """
    if SIZES.get(str(path_or_id)) == "full":
        raise ModelError(
            f"{path_or_id} is the published size without its weights, to be planned with; name a folder or Hub id that has them"
        )
    built = build_size(str(path_or_id), dtype=dtype, device=device)
    if built is not None:
        return built
    if (folder_of(path_or_id) / ADAPTER).is_file():
        return _load_adapted(folder_of(path_or_id), device, dtype)
    return load_model(path_or_id, device=device, dtype=dtype)


def _load_adapted(folder: Path, device: str, dtype: torch.dtype) -> LoadedModel:
    """Return the base model that a checkpoint of adapters was trained on, with them added to its weights."""
    trained: dict[str, Any] = read_settings_file(folder / TRAINED_WITH)
    base = str(trained["model"])
    loaded = build_size(base, seed=int(trained["seed"]), device=device, dtype=dtype)
    loaded = loaded or load_model(base, device=device, dtype=dtype)
    AdapterSet(loaded, {"own": folder}).switch("own")
    return loaded


def weights_fingerprint(path_or_id: str | Path) -> str:
    """Return a hash of a folder's weights; the name itself for what is no folder here."""
    files = sorted(folder_of(path_or_id).glob("*.safetensors"))
    return hashlib.sha256("".join(map(hash_file, files)).encode()).hexdigest() if files else str(path_or_id)


def usual_rendering(loaded: LoadedModel) -> RenderConfig:
    """Return settings that suit a model nobody described: its usual mode, letters of about a sixth of a token."""
    return rendering_for(loaded.family.modes(loaded.model)[0])


def rendering_for(name: str) -> RenderConfig:
    """Return settings that suit a mode: letters of about a sixth of a visual token."""
    token_px = mode(name).token_px
    return RenderConfig(mode=name, px=max(10.0, token_px / 5), margin=token_px // 8)
