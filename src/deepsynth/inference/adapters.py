"""LoRA adapters by name over one loaded model: one is at work at a time, added to the weights it belongs to.

Adapters are read from PEFT's files (adapter_model.safetensors, adapter_config.json) under the official module names. The
weights as they were are kept, so that switching back is exact to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from deepsynth.core.errors import InputError, ModelError
from deepsynth.models import LoadedModel
from deepsynth.models.folders import read_json
from deepsynth.models.loading import local_folder
from deepsynth.models.parts import unwrap

ADAPTER, ADAPTER_SETTINGS = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."
"""What PEFT puts before every name in its files."""
_REFUSED = ("use_dora", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "modules_to_save", "trainable_token_indices")
"""Settings of PEFT that change what the tensors mean; none of our training writes them."""

Pair = tuple[Tensor, Tensor]


class AdapterSet:
    """The adapters of one model by name; the empty name means the model as it is."""

    def __init__(self, loaded: LoadedModel, folders: Mapping[str, str | Path] | None = None) -> None:
        """Read the adapters in `folders`, by name.

        Raises:
            ModelError: one cannot be read or does not fit the model; names it.
        """
        self._model: nn.Module = unwrap(loaded.model)
        self._found: dict[str, dict[str, tuple[Pair, float]]] = {}
        self._kept: dict[str, Tensor] = {}
        self.active = ""
        for name, path in (folders or {}).items():
            if not name:
                raise ModelError(f"the adapter in {path} needs a name")
            self._found[name] = self._read(loaded, local_folder(path))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that may be asked for."""
        return tuple(self._found)

    def check(self, name: str) -> None:
        """Refuse an unknown name.

        Raises:
            InputError: with the names that are known.
        """
        if name and name not in self._found:
            raise InputError(f"no adapter {name!r}; known: {', '.join(self._found) or 'none'}", field="adapter")

    def switch(self, name: str) -> None:
        """Set the weights to the model's own plus those of one adapter."""
        self.check(name)
        if name == self.active:
            return
        with torch.no_grad():
            for path, tensor in self._kept.items():
                self._model.get_parameter(path).copy_(tensor)
            for path, (pair, scale) in self._found.get(name, {}).items():
                parameter = self._model.get_parameter(path)
                self._kept.setdefault(path, parameter.detach().clone())
                parameter.copy_(adapted(parameter, pair, scale))
        self.active = name

    def _read(self, loaded: LoadedModel, folder: Path) -> dict[str, tuple[Pair, float]]:
        settings = read_json(folder / ADAPTER_SETTINGS)
        refused = [name for name in _REFUSED if settings.get(name)]
        if refused:
            raise ModelError(f"{folder / ADAPTER_SETTINGS} sets {', '.join(refused)}; merge it with `deepsynth export`")
        try:
            tensors = load_file(folder / ADAPTER)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{folder / ADAPTER} cannot be read: {error}") from error
        scale = _scale(settings, folder / ADAPTER_SETTINGS)
        pairs: dict[str, tuple[Pair, float]] = {}
        for key in sorted(tensors):
            if not key.endswith(".lora_A.weight"):
                continue
            layer = key.removesuffix(".lora_A.weight")
            other = tensors.get(f"{layer}.lora_B.weight")
            path = self._parameter(loaded.family.native_adapter_name(layer).removeprefix(PREFIX), settings)
            if other is None or not self._fits((tensors[key], other), path):
                raise ModelError(f"{folder / ADAPTER} does not fit the model at {layer}")
            pairs[path] = ((tensors[key], other), scale)
        if not pairs or len(tensors) != 2 * len(pairs):
            raise ModelError(
                f"{folder / ADAPTER} holds {len(tensors)} tensors, of which {2 * len(pairs)} are LoRA pairs"
            )
        return pairs

    def _parameter(self, layer: str, settings: Mapping[str, Any]) -> str:
        """Return the name of the parameter that a layer's adapter changes.

        Adapters of fused experts lie in one another: the first of `target_parameters` is the innermost.
        """
        depth = layer.count(".base_layer")
        plain = layer.replace(".base_layer", "")
        targets = [name for name in settings.get("target_parameters") or () if f"{plain}.".endswith(_owner(name))]
        if not targets:
            return f"{plain}.weight"
        return f"{plain}.{targets[len(targets) - 1 - depth].rpartition('.')[2]}"

    def _fits(self, pair: Pair, path: str) -> bool:
        try:
            parameter = self._model.get_parameter(path)
        except AttributeError:
            return False
        down, up = pair
        experts = parameter.shape[0] if parameter.dim() == 3 else 1
        ranks = (down.shape[0], up.shape[1])
        return (
            ranks[0] == ranks[1]
            and ranks[0] % experts == 0
            and (up.shape[0], down.shape[1]) == tuple(parameter.shape[-2:])
        )


def _scale(settings: Mapping[str, Any], path: Path) -> float:
    """Return the factor on an adapter, as PEFT computes it from rank and alpha."""
    try:
        rank, alpha = int(settings["r"]), float(settings["lora_alpha"])
        return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(f"{path} does not say rank and alpha of its adapters: {error!r}") from error


def _owner(target: str) -> str:
    """Return the end of the module path that holds a target parameter, as `.mlp.experts.`."""
    return f".{target.rpartition('.')[0]}."


def adapted(weight: Tensor, pair: Pair, scale: float) -> Tensor:
    """Return a weight with an adapter added: the sum is made in float32 and rounded once, to the weight's type.

    Added in bfloat16, most of a small change would be lost.

    *Shapes:* weight (out, in), or (experts, out, in) for fused experts, which share one pair: the rows of its first tensor
    are (expert, rank), the columns of its second (rank, expert), as PEFT keeps them.
    """
    down, up = (tensor.to(weight.device, torch.float32) for tensor in pair)
    if weight.dim() == 2:
        change = up @ down
    else:
        experts = weight.shape[0]
        change = torch.einsum("ore,eri->eoi", up.unflatten(1, (-1, experts)), down.unflatten(0, (experts, -1)))
    return (weight.float() + scale * change).to(weight.dtype)
