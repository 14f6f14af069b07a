"""Version 2's official config.json for a model that did not come with one; see version 1's module of this name."""

from __future__ import annotations

from typing import Any

from deepsynth.models.deepseek_ocr.official import official_values, sam_values, unless

ARCHITECTURE = "DeepseekOCR2ForCausalLM"


def official_config(settings: Any) -> dict[str, Any]:
    """Return version 2's official config.json for transformers' settings."""
    vision = settings.vision_config
    encoder = vision.encoder_config
    tower = {
        "qwen2-0-5b": {
            "dim": encoder.hidden_size,
            **unless(encoder.num_hidden_layers, 24, "_tiny_layers"),
            **unless(encoder.num_attention_heads, 14, "_tiny_heads"),
            **unless(encoder.num_key_value_heads, 2, "_tiny_kv_heads"),
            **unless(encoder.intermediate_size, 4864, "_tiny_ffn"),
        },
        "sam_vit_b": sam_values(vision.sam_config),
    }
    return official_values(settings, ARCHITECTURE, "deepencoderv2", tower, encoder.hidden_size)
