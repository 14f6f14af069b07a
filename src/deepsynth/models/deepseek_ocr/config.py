"""The official config.json of version 1, understood as it is.

The official file describes the decoder twice (at the top and under `language_config`), carries leftovers of an
attention that the model does not use, and leaves out what its code hard-codes: SAM's patch and window, the neck, the
CLIP tables. Small test checkpoints give those under `_tiny_*` keys. Both official versions call themselves
`deepseek_vl_v2`, which means a third thing to transformers, so the file is never handed on unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepsynth.core.errors import ModelError
from deepsynth.models.deepseek_ocr._hf import UnlimitedOcrConfig

OFFICIAL_TYPE = "deepseek_vl_v2"
IMAGE_TOKEN_ID = 128815

TEXT_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "moe_intermediate_size",
    "n_routed_experts",
    "n_shared_experts",
    "num_experts_per_tok",
    "n_group",
    "topk_group",
    "topk_method",
    "routed_scaling_factor",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "rms_norm_eps",
)
"""What of the decoder's settings has the same name in both files."""
_REFUSED = {"use_mla": "multi-head latent attention", "norm_topk_prob": "normalized expert weights"}


class DeepseekOcrConfig(UnlimitedOcrConfig):
    """Version 1's settings in transformers' form; full attention in every decoder layer unless told otherwise."""

    model_type = "deepsynth_deepseek_ocr"
    copy_size: int = 0
    """Width of the path by which the decoder copies (see `copying`); 0, as published, means that there is none."""

    def __post_init__(self, **kwargs: Any) -> None:
        if isinstance(self.text_config, dict):
            layers = self.text_config.get("num_hidden_layers", 12)
            self.text_config.setdefault("layer_types", ["full_attention"] * layers)
        super().__post_init__(**kwargs)


def is_official(config: Mapping[str, Any]) -> bool:
    """Return whether a config.json is version 1's official one."""
    if config.get("model_type") != OFFICIAL_TYPE:
        return False
    architectures = config.get("architectures") or []
    if architectures:
        return "DeepseekOCRForCausalLM" in architectures
    return config.get("vision_config", {}).get("model_name") == "deeplip_b_l"


def translate(config: Mapping[str, Any]) -> DeepseekOcrConfig:
    """Return the settings that an official config.json describes.

    Raises:
        ModelError: it lacks a part or asks for something that this family does not compute.
    """
    try:
        width = config["vision_config"]["width"]
        clip = width["clip-l-14-224"]
        vision = {"sam_config": sam_settings(config["vision_config"]), "encoder_config": _clip_settings(clip)}
    except KeyError as error:
        raise ModelError(f"config.json of DeepSeek-OCR lacks vision_config key {error}") from error
    return DeepseekOcrConfig(
        text_config=text_settings(config),
        vision_config=vision,
        image_token_id=config.get("_tiny_image_token_id", IMAGE_TOKEN_ID),
    )


def text_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decoder's settings from `language_config`; shared with version 2.

    Raises:
        ModelError: `language_config` is absent or asks for attention or routing that is not implemented.
    """
    language = config.get("language_config")
    if not isinstance(language, Mapping):
        raise ModelError("config.json of DeepSeek-OCR lacks language_config")
    refused = [f"{key} ({what})" for key, what in _REFUSED.items() if language.get(key)]
    if refused:
        raise ModelError(f"config.json asks for {', '.join(refused)}, which the published models do not use")
    settings = {key: language[key] for key in TEXT_KEYS if key in language}
    layers, dense = settings["num_hidden_layers"], language.get("first_k_dense_replace", 1)
    settings["mlp_layer_types"] = ["dense"] * dense + ["sparse"] * (layers - dense)
    settings["rope_parameters"] = {"rope_type": "default", "rope_theta": language.get("rope_theta", 10000.0)}
    return settings


def sam_settings(vision: Mapping[str, Any], *, last_channels: int | None = None) -> dict[str, Any]:
    """Return SAM's settings; `last_channels` replaces the last entry of `downsample_channels` (wrong in version 2)."""
    sam = vision["width"]["sam_vit_b"]
    channels = [*sam["downsample_channels"][:-1], last_channels or sam["downsample_channels"][-1]]
    return {
        "hidden_size": sam["width"],
        "num_hidden_layers": sam["layers"],
        "num_attention_heads": sam["heads"],
        "global_attn_indexes": list(sam["global_attn_indexes"]),
        "downsample_channels": channels,
        "mlp_dim": sam.get("_tiny_mlp_dim", 4 * sam["width"]),
        "image_size": sam.get("_tiny_image_size", vision.get("image_size", 1024)),
        "patch_size": sam.get("_tiny_patch_size", 16),
        "window_size": sam.get("_tiny_window_size", 14),
        "output_channels": sam.get("_tiny_out_chans", 256),
    }


def _clip_settings(clip: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hidden_size": clip["width"],
        "num_hidden_layers": clip["layers"],
        "num_attention_heads": clip["heads"],
        "intermediate_size": clip.get("_tiny_ffn", 4 * clip["width"]),
        "image_size": clip["image_size"],
        "patch_size": clip["patch_size"],
    }
