"""Every name of transformers that version 1 stands on; an upstream rename is a change of this file.

transformers knows DeepSeek-OCR's architecture as `UnlimitedOcr*` (another model with the same parts). Three things
are ours: the attention of the decoder is full, not sliding; the key mapping is anchored at the start and registered
under the CLASS name, because stock patterns also match inside adapter names ("language_model.layers.") and then
restore nothing; and a wrong default, `image_token_id`, always comes from the config.
"""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming
from transformers.masking_utils import create_causal_mask
from transformers.models.unlimited_ocr.configuration_unlimited_ocr import UnlimitedOcrConfig
from transformers.models.unlimited_ocr.modeling_unlimited_ocr import (
    UnlimitedOcrForConditionalGeneration,
    UnlimitedOcrTextModel,
)

__all__ = [
    "UnlimitedOcrConfig",
    "UnlimitedOcrForConditionalGeneration",
    "UnlimitedOcrTextModel",
    "create_causal_mask",
    "register",
]

ROOT_RENAMINGS = (
    (r"^model\.sam_model", "model.vision_tower.sam_encoder"),
    (r"^model\.vision_model\.", "model.vision_tower.vision_encoder."),
    (r"^model\.view_seperator", "model.view_separator"),
    (r"^model\.projector\.layers\.", "model.multi_modal_projector."),
    (r"^model\.embed_tokens\.", "model.language_model.embed_tokens."),
    (r"^model\.layers\.", "model.language_model.layers."),
    (r"^model\.norm\.", "model.language_model.norm."),
)
"""Official key -> native key, at the root; SAM, CLIP and the decoder have their own mappings upstream."""


def register(config_class: type, model_class: type) -> None:
    """Make a class pair known to the Auto classes and to checkpoint loading and saving."""
    AutoConfig.register(config_class.model_type, config_class, exist_ok=True)  # pyright: ignore[reportAttributeAccessIssue]
    AutoModelForImageTextToText.register(config_class, model_class, exist_ok=True)
    renamings: list[WeightConverter | WeightRenaming] = [
        WeightRenaming(source, target) for source, target in ROOT_RENAMINGS
    ]
    register_checkpoint_conversion_mapping(model_class.__name__, renamings, overwrite=True)
