"""Writing a model for other programs, in one of two layouts, and the proof that the folder holds what was written.

`original`: the official key names in the official dtypes with the official config.json, which is what DeepSeek's own code,
vLLM and llama.cpp's converter read. `transformers`: the names and settings of transformers' stock classes, which load it
without DeepSynth. Either is weights, config.json, tokenizer files; never code that was not there before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from deepsynth.core.files import write_bytes
from deepsynth.models.family import LoadedModel
from deepsynth.models.folders import CONFIG
from deepsynth.models.saving import official_state, write_weights

Layout = Literal["original", "transformers"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


def write_export(loaded: LoadedModel, folder: Path, layout: Layout, dtype: Dtype = "auto") -> None:
    """Write the model into `folder`; `auto` means the dtypes of the checkpoint that it comes from, else its own."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(exported_tensors(loaded, layout, dtype), folder)
    write_bytes(folder / CONFIG, exported_config(loaded, layout, dtype))
    if loaded.tokenizer is not None:
        loaded.tokenizer.save(folder)
    if loaded.origin is None:
        return
    if layout == "original":
        for name, content in loaded.origin.code.items():
            write_bytes(folder / name, content)
    else:
        loaded.origin.save(folder)


def exported_tensors(loaded: LoadedModel, layout: Layout, dtype: Dtype = "auto") -> dict[str, Tensor]:
    """Return exactly the tensors that an export holds, by the key that they have in it."""
    if layout == "original":
        state = {**official_state(loaded.model), **(loaded.origin.unread if loaded.origin else {})}
    else:
        state = loaded.model.state_dict()
    return {
        key: value.detach().to("cpu", _dtype_of(loaded, key, value, dtype)).contiguous() for key, value in state.items()
    }


def exported_config(loaded: LoadedModel, layout: Layout, dtype: Dtype = "auto") -> bytes:
    """Return the config.json of an export: the very file that the model came with where there is one."""
    if layout == "original" and loaded.origin is not None and dtype == "auto":
        return loaded.origin.config
    name = main_dtype(loaded, dtype)
    if layout == "transformers":
        values: Mapping[str, Any] = {**loaded.family.stock_config(loaded.model), "dtype": name}
    else:
        known = json.loads(loaded.origin.config) if loaded.origin else loaded.family.official_config(loaded.model)
        values = {**known, "torch_dtype": name}
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def main_dtype(loaded: LoadedModel, dtype: Dtype = "auto") -> str:
    """Return the name of the dtype that most of the exported weights have."""
    if dtype != "auto":
        return dtype
    own = str(next(loaded.model.parameters()).dtype).removeprefix("torch.")
    return loaded.origin.dtype if loaded.origin else own


def _dtype_of(loaded: LoadedModel, key: str, value: Tensor, dtype: Dtype) -> torch.dtype:
    if not value.is_floating_point():
        return value.dtype
    if dtype != "auto" or loaded.origin is None:
        return value.dtype if dtype == "auto" else getattr(torch, dtype)
    return getattr(torch, loaded.origin.dtype_of(key))
