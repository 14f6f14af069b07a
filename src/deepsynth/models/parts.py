"""Which parameters are which: the parts that can be frozen, tuned at their own rate, or given LoRA.

Both versions share one tree of modules, so the parts are found by walking it, not by patterns in names: a renamed
module upstream is an AttributeError here and not a parameter that quietly trains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from deepsynth.models.encoder_apart import Absent, lacks_encoder
from deepsynth.models.family import PARTS, LoraTargets, Part, check_choice

_ATTENTION = r"self_attn\.(q|k|v|o)_proj"
_SHARED = r"mlp\.shared_experts\.(gate|up|down)_proj"
_DENSE = r"mlp\.(gate|up|down)_proj"
_EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")

_PRESETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "attention": ((_ATTENTION,), ()),
    "attention+shared": ((_ATTENTION, _SHARED, _DENSE), ()),
    "attention+experts": ((_ATTENTION,), _EXPERTS),
    "all-linear": ((_ATTENTION, _SHARED, _DENSE), _EXPERTS),
}


def unwrap(model: nn.Module) -> Any:
    """Return the transformers model inside PEFT or data-parallel wrappers."""
    inner: Any = model
    while True:
        if hasattr(inner, "get_base_model"):
            inner = inner.get_base_model()
        elif hasattr(inner, "module"):
            inner = inner.module
        else:
            return inner


def model_parts(model: nn.Module) -> Mapping[str, list[Part]]:
    """Return modules and parameters by part (see `ModelFamily.parts`)."""
    root = unwrap(model)
    core = root.model
    parts: dict[str, list[Part]] = {name: [] for name in PARTS}
    if not lacks_encoder(root):
        _add_encoder(parts, core)
    marks = [parameter for name, parameter in core.named_parameters(recurse=False) if name in _MARKS]
    parts["projector"] = [core.multi_modal_projector, *marks]
    if not isinstance(core.language_model, Absent):
        _add_decoder(parts, root)
    return parts


def _add_encoder(parts: dict[str, list[Part]], core: Any) -> None:
    queries = [module for name, module in core.vision_tower.named_children() if name.startswith("query_")]
    parts["sam"] = [core.vision_tower.sam_encoder]
    parts["clip"] = [core.vision_tower.vision_encoder, *queries]


def _add_decoder(parts: dict[str, list[Part]], root: Any) -> None:
    core = root.model
    parts["embeddings"] = [core.language_model.embed_tokens]
    parts["norms"] = [core.language_model.norm]
    parts["head"] = [root.lm_head]
    if hasattr(core.language_model, "copying"):
        parts["attention"].append(core.language_model.copying)
    for layer in core.language_model.layers:
        parts["attention"].append(layer.self_attn)
        parts["norms"] += [layer.input_layernorm, layer.post_attention_layernorm]
        if hasattr(layer.mlp, "experts"):
            parts["router"].append(layer.mlp.gate)
            parts["experts"].append(layer.mlp.experts)
            parts["shared_experts"].append(layer.mlp.shared_experts)
        else:
            parts["dense"].append(layer.mlp)


def decoder_layers(model: nn.Module) -> list[nn.Module]:
    """Return the decoder's layers, first to last: what is compiled and sharded one by one."""
    return list(unwrap(model).model.language_model.layers)


_MARKS = {"image_newline", "view_separator"}


def parameters_of(parts: Iterable[Part]) -> list[nn.Parameter]:
    """Return the parameters of modules and parameters, each once."""
    found: dict[int, nn.Parameter] = {}
    for part in parts:
        for parameter in [part] if isinstance(part, nn.Parameter) else part.parameters():
            found.setdefault(id(parameter), parameter)
    return list(found.values())


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters of each part; works on the meta device."""
    return {name: sum(item.numel() for item in parameters_of(parts)) for name, parts in model_parts(model).items()}


def lora_targets(preset: str) -> LoraTargets:
    """Return a preset's targets; the vision tower is never among them (CLIP too has a `q_proj`).

    Raises:
        SettingsError: no such preset.
    """
    check_choice("LoRA preset", preset, tuple(_PRESETS))
    modules, parameters = _PRESETS[preset]
    return LoraTargets(
        target_modules=rf".*language_model\.layers\.\d+\.({'|'.join(modules)})", target_parameters=parameters
    )
