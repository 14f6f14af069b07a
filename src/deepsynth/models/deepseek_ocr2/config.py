"""The official config.json of version 2, understood as it is.

It reads like version 1's, decoder included, with three differences: the encoder's sizes are hard-coded in the official
code, the last of SAM's `downsample_channels` is published wrongly (1024, but the weights have the encoder's width), and
the vision part is called `deepencoderv2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepsynth.core.errors import ModelError
from deepsynth.models.deepseek_ocr.config import IMAGE_TOKEN_ID, OFFICIAL_TYPE, sam_settings, text_settings
from deepsynth.models.deepseek_ocr2._hf import DeepseekOcr2Config as StockConfig


class DeepseekOcr2Config(StockConfig):
    """Version 2's settings in transformers' form."""

    model_type = "deepsynth_deepseek_ocr2"


def is_official(config: Mapping[str, Any]) -> bool:
    """Return whether a config.json is version 2's official one."""
    if config.get("model_type") != OFFICIAL_TYPE:
        return False
    architectures = config.get("architectures") or []
    if architectures:
        return "DeepseekOCR2ForCausalLM" in architectures
    return config.get("vision_config", {}).get("model_name") == "deepencoderv2"


def translate(config: Mapping[str, Any]) -> DeepseekOcr2Config:
    """Return the settings that an official config.json describes.

    Raises:
        ModelError: it lacks a part or asks for something that this family does not compute.
    """
    try:
        encoder = _encoder_settings(config["vision_config"]["width"]["qwen2-0-5b"])
        sam = sam_settings(config["vision_config"], last_channels=encoder["hidden_size"])
    except KeyError as error:
        raise ModelError(f"config.json of DeepSeek-OCR-2 lacks vision_config key {error}") from error
    return DeepseekOcr2Config(
        text_config=text_settings(config),
        vision_config={"sam_config": sam, "encoder_config": encoder},
        image_token_id=config.get("_tiny_image_token_id", IMAGE_TOKEN_ID),
    )


def _encoder_settings(encoder: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hidden_size": encoder["dim"],
        "num_hidden_layers": encoder.get("_tiny_layers", 24),
        "num_attention_heads": encoder.get("_tiny_heads", 14),
        "num_key_value_heads": encoder.get("_tiny_kv_heads", 2),
        "intermediate_size": encoder.get("_tiny_ffn", 4864),
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        "rms_norm_eps": 1e-6,
        "vocab_size": 1,  # the encoder is fed with features; its word table is not used
    }
