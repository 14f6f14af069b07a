"""The sizes of version 1: one architecture, three sets of numbers.

`full` is the published model. `nano` is the one that ships: the same modules in the same order, small enough to learn
to read on two CPU cores. It reads patches of 8 pixels, so one visual token covers 32 x 32, about two lines of five
letters in the bundled 10-pixel font. `tiny` is `nano` with its widths cut to what a test can run in milliseconds; it
learns little.

Why nano is as it is: all SAM layers are windowed, since a global layer over 256 patches costs more time on a CPU than
the rest of the encoder, and CLIP looks globally anyway, after the compressor; widths are multiples of 16; four routed
experts, two at work, beside a shared one, and a dense first layer, keep DeepSeek's shape at a small price.
"""

from __future__ import annotations

from typing import Any

from deepsynth.models.deepseek_ocr.config import IMAGE_TOKEN_ID, DeepseekOcrConfig

NANO_IMAGE_TOKEN_ID = 3
NANO_VOCABULARY = 260

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "image_token_id": NANO_IMAGE_TOKEN_ID,
        "sam": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "output_channels": 16},
        "channels": [16, 16],
        "clip": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1},
        "text": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "moe_intermediate_size": 16},
        "heads": 2,
    },
    "nano": {
        "image_token_id": NANO_IMAGE_TOKEN_ID,
        "sam": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "output_channels": 64},
        "channels": [96, 128],
        "clip": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4},
        "text": {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "moe_intermediate_size": 192},
        "heads": 4,
    },
}


def size_config(size: str) -> DeepseekOcrConfig:
    """Return the settings of a size: `tiny`, `nano` or `full`."""
    if size == "full":
        return _full()
    numbers = SIZES[size]
    vision = {
        "sam_config": _sam(numbers["sam"], numbers["channels"]),
        "encoder_config": _clip(numbers["clip"]),
    }
    return DeepseekOcrConfig(
        vision_config=vision,
        text_config=_text(numbers["text"], numbers["heads"]),
        image_token_id=numbers["image_token_id"],
    )


def _sam(numbers: dict[str, Any], channels: list[int]) -> dict[str, Any]:
    return {
        **numbers,
        "downsample_channels": channels,
        "mlp_dim": 4 * numbers["hidden_size"],
        "image_size": 128,
        "patch_size": 8,
        "window_size": 8,
        "global_attn_indexes": [],
        "initializer_range": 0.02,  # upstream's 1e-10 is meant for published weights, not for learning
    }


def _clip(numbers: dict[str, Any]) -> dict[str, Any]:
    # 128 pixels at 32 a token: a position table of 4 x 4, interpolated for other views
    return {**numbers, "intermediate_size": 4 * numbers["hidden_size"], "image_size": 128, "patch_size": 32}


def _text(numbers: dict[str, Any], heads: int) -> dict[str, Any]:
    return {
        **numbers,
        "vocab_size": NANO_VOCABULARY,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "first_k_dense_replace": 1,
        "max_position_embeddings": 4096,
    }


def _full() -> DeepseekOcrConfig:
    sam = {"mlp_dim": 3072, "downsample_channels": [512, 1024]}
    return DeepseekOcrConfig(
        vision_config={"sam_config": sam, "encoder_config": {}},
        text_config={"num_hidden_layers": 12, "max_position_embeddings": 8192},
        image_token_id=IMAGE_TOKEN_ID,
    )
