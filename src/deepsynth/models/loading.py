"""From a folder or hub id to weights, with nothing taken on trust.

Three rules, each from a way in which checkpoints silently go wrong. Only safetensors and JSON are read: a pickle can
run code, and so can a model folder's own Python files. Every key of the files must find its place and every parameter
its key: transformers only warns, and a model with random layers trains without complaint. The config is translated by
the family before transformers sees it: the official `model_type` means another architecture there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open

from deepsynth.core.errors import ModelError
from deepsynth.models.family import LoadedModel, families

SAFE_PATTERNS = ["*.safetensors", "*.json"]
"""What is fetched from a hub: no Python, no pickle."""
WEIGHTS, WEIGHTS_INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
_SHOWN = 12


def load_model(
    path_or_id: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    revision: str | None = None,
) -> LoadedModel:
    """Load a model from a folder or a hub id, by the family that recognizes its config.json.

    Raises:
        ModelError: no family knows it, or files, keys or settings do not fit.
    """
    folder = local_folder(path_or_id, revision=revision)
    config = read_json(folder / CONFIG)
    for name in families.names():
        family = families.get(name)
        if family.supports(config):
            return family.load(folder, dtype=dtype, device=device)
    raise ModelError(
        f"no family knows {folder / CONFIG} (model_type {config.get('model_type')!r}, architectures"
        f" {config.get('architectures')!r}); known families: {', '.join(families.names())}"
    )


def local_folder(path_or_id: str | Path, *, revision: str | None = None) -> Path:
    """Return the folder itself, or that of a hub snapshot with its safetensors and JSON files.

    Raises:
        ModelError: neither a folder nor a repository that can be read.
    """
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists() or len(folder.parts) != 2:
        raise ModelError(f"{path_or_id} is neither a model folder nor a hub id of the form owner/name")
    try:
        return Path(snapshot_download(str(path_or_id), revision=revision, allow_patterns=SAFE_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path_or_id} is no folder here and cannot be fetched from the hub: {reason}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`.

    Raises:
        ModelError: it is absent or holds something else.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing; a model folder holds {CONFIG} and safetensors weights")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} must hold an object, not {type(value).__name__}")
    return value


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model folder, sharded or not.

    Raises:
        ModelError: there are none, an index names one that is absent or lies elsewhere, or only pickles are there.
    """
    if (folder / WEIGHTS_INDEX).is_file():
        names = sorted(set(read_json(folder / WEIGHTS_INDEX).get("weight_map", {}).values()))
    else:
        names = [WEIGHTS] if (folder / WEIGHTS).is_file() else []
    if not names:
        pickles = sorted(path.name for path in folder.glob("*") if path.suffix in {".bin", ".pt", ".pth", ".ckpt"})
        hint = (
            f"; {', '.join(pickles)} would have to be unpickled, which can run code: convert it first"
            if pickles
            else ""
        )
        raise ModelError(f"{folder} holds no {WEIGHTS} and no {WEIGHTS_INDEX}{hint}")
    for name in names:
        if PurePosixPath(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{folder / WEIGHTS_INDEX} names {name!r}; only safetensors files beside it are read")
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing although {WEIGHTS_INDEX} names it")
    return [folder / name for name in names]


def weight_keys(folder: Path) -> dict[str, tuple[Path, tuple[int, ...]]]:
    """Return each key of the weights with its file and shape, from the headers alone.

    Raises:
        ModelError: a file is damaged.
    """
    found: dict[str, tuple[Path, tuple[int, ...]]] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                found.update({key: (path, tuple(file.get_slice(key).get_shape())) for key in file.keys()})  # noqa: SIM118
        except SafetensorError as error:
            raise ModelError(f"{path} is damaged or no safetensors file: {error}") from error
    return found


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
