"""From a folder or hub id to weights, with nothing taken on trust.

Three rules, each from a way in which checkpoints silently go wrong. Only safetensors and JSON are read: a pickle can
run code, and so can a model folder's own Python files. Every key of the files must find its place and every parameter
its key: transformers only warns, and a model with random layers trains without complaint. The config is translated by
the family before transformers sees it: the official `model_type` means another architecture there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from deepsynth.core.built_in import SIZES, folder_of
from deepsynth.core.errors import ModelError
from deepsynth.models.encoder_apart import Half
from deepsynth.models.family import LoadedModel, families
from deepsynth.models.folders import CONFIG, read_json, weight_keys

SAFE_PATTERNS = ["*.safetensors", "*.json"]
"""What is fetched from a hub: no Python, no pickle."""
_SHOWN = 12


def load_model(
    path_or_id: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    revision: str | None = None,
    without: Half | None = None,
) -> LoadedModel:
    """Load the bundled model (`nano`), or one from a folder or a hub id, by the family that recognizes its config.json.

    `without` leaves a half of it out.

    Raises:
        ModelError: no family knows it, or files, keys or settings do not fit.
    """
    folder = local_folder(path_or_id, revision=revision)
    config = read_json(folder / CONFIG)
    for name in families.names():
        family = families.get(name)
        if family.supports(config):
            return family.load(folder, dtype=dtype, device=device, without=without)
    raise ModelError(
        f"no family knows {folder / CONFIG} (model_type {config.get('model_type')!r}, architectures"
        f" {config.get('architectures')!r}); known families: {', '.join(families.names())}"
    )


def build_size(
    name: str, *, seed: int = 0, dtype: torch.dtype = torch.float32, device: str | None = None
) -> LoadedModel | None:
    """Return a size with random weights by its name (see `core.built_in`); none for what is no size."""
    if name not in SIZES:
        return None
    return families.get("deepseek_ocr").build(SIZES[name], seed=seed, dtype=dtype, device=device)


def _refuse_a_run(folder: Path) -> None:
    """Name the models of a run's folder, where the folder itself was named."""
    models = sorted(
        path.name for path in folder.glob("*/") if path.name == "merged" or path.name.startswith("checkpoint-")
    )
    if models and not any(folder.glob("*.safetensors")):
        raise ModelError(f"{folder} is the folder of a run; name one of its models: {', '.join(models)}")


def _beside(folder: Path) -> str:
    """Return the folders that lie where a folder was looked for, for a message: a wrong step is easily named."""
    found = sorted(path.name for path in folder.parent.glob("*") if path.is_dir()) if folder.parent != Path() else []
    return f"; {folder.parent} has {', '.join(found[:8])}" if found else ""


def local_folder(path_or_id: str | Path, *, revision: str | None = None) -> Path:
    """Return the folder itself, the bundled model's, or that of a hub snapshot with its safetensors and JSON files.

    Raises:
        ModelError: neither a folder nor a repository that can be read.
    """
    folder = folder_of(path_or_id)
    if folder.is_dir():
        _refuse_a_run(folder)
        return folder
    if folder.exists() or len(folder.parts) != 2:
        raise ModelError(f"{path_or_id} is neither a model folder nor a hub id of the form owner/name{_beside(folder)}")
    try:
        return Path(snapshot_download(str(path_or_id), revision=revision, allow_patterns=SAFE_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path_or_id} is no folder here and cannot be fetched from the hub: {reason}") from error


def load_strictly(
    model_class: Any, config: Any, folder: Path, *, dtype: torch.dtype, device: str, attention: str = "sdpa"
) -> Any:
    """Return `model_class` with the folder's weights.

    Raises:
        ModelError: any key is missing, left over or of another shape; the message lists them.
    """
    weight_keys(folder)
    try:
        model, info = model_class.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            attn_implementation=attention,
            device_map=None if device == "cpu" else device,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"{folder} does not fit {model_class.__name__}: {error}") from error
    raise_unless_complete(folder, info)
    return model


def raise_unless_complete(folder: Path, info: Mapping[str, Any]) -> None:
    """Turn transformers' loading report into an error unless it is clean.

    Raises:
        ModelError: with the lists.
    """
    problems = {
        "missing": info.get("missing_keys"),
        "unexpected": info.get("unexpected_keys"),
        "of another shape": info.get("mismatched_keys"),
        "not converted": info.get("conversion_errors") or info.get("error_msgs"),
    }
    found = [f"{len(keys)} {kind}: {_listed(keys)}" for kind, keys in problems.items() if keys]
    if found:
        raise ModelError(f"the weights in {folder} do not fit the model: " + "; ".join(found))


def _listed(keys: Iterable[Any]) -> str:
    names = sorted(str(key[0]) if isinstance(key, tuple) else str(key) for key in keys)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
