"""The official config.json written for a model that did not come with one; `config.translate` reads it back.

A model made from random weights has no published file to carry along, but servers and the official code look at nothing
else. What the official code hard-codes stands in the file only where it differs, under `_tiny_*` keys: with one of those,
the model is of a size that no server knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepsynth.models.deepseek_ocr.config import IMAGE_TOKEN_ID, OFFICIAL_TYPE, TEXT_KEYS

ARCHITECTURE = "DeepseekOCRForCausalLM"
_HARD_CODED_SAM = {"patch_size": 16, "window_size": 14, "output_channels": 256}
_TINY_NAMES = {"output_channels": "_tiny_out_chans"}
_UNUSED = {"q_lora_rank": None, "kv_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0, "v_head_dim": 0}
"""Leftovers of latent attention that the official configuration class asks for."""


def official_config(settings: Any) -> dict[str, Any]:
    """Return version 1's official config.json for transformers' settings."""
    vision = settings.vision_config
    clip = vision.encoder_config
    tower = {
        "clip-l-14-224": {
            "heads": clip.num_attention_heads,
            "image_size": clip.image_size,
            "layers": clip.num_hidden_layers,
            "patch_size": clip.patch_size,
            "width": clip.hidden_size,
            **unless(clip.intermediate_size, 4 * clip.hidden_size, "_tiny_ffn"),
        },
        "sam_vit_b": sam_values(vision.sam_config),
    }
    projector_input = clip.hidden_size + vision.sam_config.downsample_channels[-1]
    return official_values(settings, ARCHITECTURE, "deeplip_b_l", tower, projector_input)


def official_values(
    settings: Any, architecture: str, vision_name: str, tower: Mapping[str, Any], projector_input: int
) -> dict[str, Any]:
    """Return what both versions' files share around their vision tower: the decoder twice, projector, sizes."""
    text = text_values(settings.text_config)
    size = settings.vision_config.sam_config.image_size
    return {
        "architectures": [architecture],
        "candidate_resolutions": [[size, size]],
        "global_view_pos": "head",
        "model_type": OFFICIAL_TYPE,
        "language_config": {"architectures": ["DeepseekV2ForCausalLM"], **text},
        "projector_config": {
            "input_dim": projector_input,
            "model_type": "mlp_projector",
            "n_embed": settings.text_config.hidden_size,
            "projector_type": "linear",
        },
        "tile_tag": "2D",
        "vision_config": {
            "image_size": size,
            "mlp_ratio": 3.7362,
            "model_name": vision_name,
            "model_type": "vision",
            "width": dict(tower),
        },
        **text,
        **unless(settings.image_token_id, IMAGE_TOKEN_ID, "_tiny_image_token_id"),
    }


def text_values(text: Any) -> dict[str, Any]:
    """Return the decoder's part of an official file."""
    dense = [kind == "dense" for kind in text.mlp_layer_types]
    values = {key: value for key in TEXT_KEYS if (value := getattr(text, key, None)) is not None}
    return {
        **values,
        "first_k_dense_replace": sum(dense),
        "lm_head": True,
        "rm_head": False,
        "rope_theta": text.rope_parameters["rope_theta"],
        "use_mla": False,
        **_UNUSED,
    }


def sam_values(sam: Any) -> dict[str, Any]:
    """Return SAM's part of an official file."""
    values: dict[str, Any] = {
        "downsample_channels": list(sam.downsample_channels),
        "global_attn_indexes": list(sam.global_attn_indexes),
        "heads": sam.num_attention_heads,
        "layers": sam.num_hidden_layers,
        "width": sam.hidden_size,
        **unless(sam.mlp_dim, 4 * sam.hidden_size, "_tiny_mlp_dim"),
    }
    for name, hard_coded in _HARD_CODED_SAM.items():
        values |= unless(getattr(sam, name), hard_coded, _TINY_NAMES.get(name, f"_tiny_{name}"))
    return values


def unless(value: Any, usual: Any, key: str) -> dict[str, Any]:
    """Return `{key: value}` unless the value is what the official code hard-codes."""
    return {} if value == usual else {key: value}
