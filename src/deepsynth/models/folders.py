"""The files of a model folder: config.json and safetensors weights, whole or in shards; nothing else is ever opened."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from safetensors import SafetensorError, safe_open

from deepsynth.core.errors import ModelError

WEIGHTS, WEIGHTS_INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"


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
