"""Every name of transformers that version 2 stands on; an upstream rename is a change of this file.

The stock `DeepseekOcr2*` classes fit as they are. The key mapping is theirs too, but anchored at the start and registered
under our class name: the stock patterns also match inside adapter names and then restore nothing.
"""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import Concatenate, MergeModulelist, WeightConverter, WeightRenaming
from transformers.models.deepseek_ocr2.configuration_deepseek_ocr2 import DeepseekOcr2Config
from transformers.models.deepseek_ocr2.modeling_deepseek_ocr2 import DeepseekOcr2ForConditionalGeneration

__all__ = ["DeepseekOcr2Config", "DeepseekOcr2ForConditionalGeneration", "register"]

_SAM, _TOWER = "model.vision_tower.sam_encoder.", "model.vision_tower."
ROOT_RENAMINGS = (
    (r"^model\.sam_model\.blocks\.(\d+)\.norm1\.", _SAM + r"layers.\1.layer_norm1."),
    (r"^model\.sam_model\.blocks\.(\d+)\.norm2\.", _SAM + r"layers.\1.layer_norm2."),
    (r"^model\.sam_model\.blocks\.(\d+)\.attn\.", _SAM + r"layers.\1.attn."),
    (r"^model\.sam_model\.blocks\.(\d+)\.mlp\.", _SAM + r"layers.\1.mlp."),
    (r"^model\.sam_model\.patch_embed\.proj\.", _SAM + "patch_embed.projection."),
    (r"^model\.sam_model\.pos_embed", _SAM + "pos_embed"),
    (r"^model\.sam_model\.neck\.0\.", _SAM + "neck.conv1."),
    (r"^model\.sam_model\.neck\.1\.", _SAM + "neck.layer_norm1."),
    (r"^model\.sam_model\.neck\.2\.", _SAM + "neck.conv2."),
    (r"^model\.sam_model\.neck\.3\.", _SAM + "neck.layer_norm2."),
    (r"^model\.sam_model\.net_2\.", _SAM + "proj.conv1."),
    (r"^model\.sam_model\.net_3\.", _SAM + "proj.conv2."),
    (r"^model\.qwen2_model\.model\.model\.layers\.", _TOWER + "vision_encoder.layers."),
    (r"^model\.qwen2_model\.model\.model\.norm\.", _TOWER + "vision_encoder.norm."),
    (r"^model\.qwen2_model\.query_768\.", _TOWER + "query_768_resolution."),
    (r"^model\.qwen2_model\.query_1024\.", _TOWER + "query_1024_resolution."),
    (r"^model\.projector\.layers\.", "model.multi_modal_projector."),
    (r"^model\.view_seperator", "model.view_separator"),
    (r"^model\.embed_tokens\.", "model.language_model.embed_tokens."),
    (r"^model\.layers\.", "model.language_model.layers."),
    (r"^model\.norm\.", "model.language_model.norm."),
)
"""Official key -> native key."""


def register(config_class: type, model_class: type) -> None:
    """Make a class pair known to the Auto classes and to checkpoint loading and saving."""
    AutoConfig.register(config_class.model_type, config_class, exist_ok=True)  # pyright: ignore[reportAttributeAccessIssue]
    AutoModelForImageTextToText.register(config_class, model_class, exist_ok=True)
    renamings: list[WeightConverter | WeightRenaming] = [WeightRenaming(old, new) for old, new in ROOT_RENAMINGS]
    experts = [
        WeightConverter(
            source_patterns=["mlp.experts.*.gate_proj.weight", "mlp.experts.*.up_proj.weight"],
            target_patterns="mlp.experts.gate_up_proj",
            operations=[MergeModulelist(dim=0), Concatenate(dim=1)],
        ),
        WeightConverter(
            source_patterns="mlp.experts.*.down_proj.weight",
            target_patterns="mlp.experts.down_proj",
            operations=[MergeModulelist(dim=0)],
        ),
    ]
    register_checkpoint_conversion_mapping(model_class.__name__, [*renamings, *experts], overwrite=True)
