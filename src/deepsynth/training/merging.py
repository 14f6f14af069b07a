"""Adding adapters to the weights they belong to: in float32, each exactly once, and nothing of them left behind.

PEFT merges in the dtype of the weight. In bfloat16 that rounds the adapter before it is added, and most of a small change
is lost; here the sum is made in float32 and rounded once, by the function that adds adapters for inference. Adapters that found
no weight, or two, are the usual way in which merged models of mixtures of experts go wrong unnoticed, so every one is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from deepsynth.core.errors import ModelError
from deepsynth.inference.adapters import adapted
from deepsynth.models import LoadedModel
from deepsynth.models.four_bit import packed_experts

ADAPTER_NAME = "default"
"""PEFT's name for the only adapter there is."""


@torch.no_grad()
def merge_adapters(loaded: LoadedModel) -> LoadedModel:
    """Add the adapters to their weights and take them out, in place; the outputs stay the same but for rounding.

    Raises:
        ModelError: an adapter was left over or used twice; names it. Or experts are in 4 bits: then the model has no weights to
            merge into.
    """
    if packed_experts([loaded.model]):
        raise ModelError(
            "adapters cannot be merged into experts in 4 bits; `deepsynth export` merges them into the whole model"
        )
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapters = [name for name, _ in loaded.model.named_parameters() if ".lora_" in name]
    layers = {path: module for path, module in loaded.model.named_modules() if isinstance(module, BaseTunerLayer)}
    used: list[str] = []
    for path, layer in layers.items():
        _target(layer).data = _merged(layer)
        used += [f"{path}.lora_{side}.{ADAPTER_NAME}.weight" for side in "AB"]
    check_each_used_once(adapters, used)
    for path, layer in layers.items():
        if any(path.startswith(f"{other}.") for other in layers):
            continue  # adapters of fused experts lie in one another; the outermost takes out all of them
        parent, _, name = path.rpartition(".")
        setattr(loaded.model.get_submodule(parent), name, layer.get_base_layer())
    for parameter in loaded.model.parameters():
        parameter.requires_grad = True
    return loaded


def check_each_used_once(adapters: Iterable[str], used: Iterable[str]) -> None:
    """Compare the adapters of a model with those that were merged.

    Raises:
        ModelError: names those left over, used twice, or unknown.
    """
    counts = Counter(used)
    wrong = sorted(name for name in {*adapters, *counts} if counts[name] != 1 or name not in set(adapters))
    if wrong:
        uses = ", ".join(f"{name} ({counts[name]} times)" for name in wrong[:4])
        raise ModelError(f"every adapter must be merged exactly once; these were not: {uses} ({len(wrong)} in all)")


def _merged(layer: Any) -> Tensor:
    """Return an adapted layer's weight with its adapter added."""
    down, up = (getattr(layer, side)[ADAPTER_NAME].weight for side in ("lora_A", "lora_B"))
    return adapted(_target(layer).data, (down, up), layer.scaling[ADAPTER_NAME])


def _target(layer: Any) -> nn.Parameter:
    return layer.get_param() if hasattr(layer, "get_param") else layer.get_base_layer().weight
