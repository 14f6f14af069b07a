"""The sizes of version 2: the published one, and one for tests.

The encoder's counts of tokens are part of the architecture (144 or 256 learned queries), so `tiny` keeps them and shrinks
the patches instead: it reads the real modes' pictures at the real counts only with patches of 16, at small widths.
"""

from __future__ import annotations

from typing import Any

from deepsynth.models.deepseek_ocr.config import IMAGE_TOKEN_ID
from deepsynth.models.deepseek_ocr.sizes import NANO_IMAGE_TOKEN_ID, NANO_VOCABULARY
from deepsynth.models.deepseek_ocr2.config import DeepseekOcr2Config

_ROPE = {"rope_type": "default", "rope_theta": 10000.0}


def size_config(size: str) -> DeepseekOcr2Config:
    """Return the settings of a size: `tiny` or `full`."""
    return _tiny() if size == "tiny" else _full()


def _tiny() -> DeepseekOcr2Config:
    sam = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "output_channels": 16,
        "downsample_channels": [16, 16],
        "mlp_dim": 32,
        "global_attn_indexes": [],
        "initializer_range": 0.02,
    }
    text = {
        "vocab_size": NANO_VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "moe_intermediate_size": 16,
        "max_position_embeddings": 4096,
    }
    encoder = _encoder(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    return _config(sam, encoder, text, NANO_IMAGE_TOKEN_ID)


def _full() -> DeepseekOcr2Config:
    text = {
        "vocab_size": 129280,
        "hidden_size": 1280,
        "intermediate_size": 6848,
        "num_hidden_layers": 12,
        "num_attention_heads": 10,
        "n_routed_experts": 64,
        "num_experts_per_tok": 6,
        "n_shared_experts": 2,
        "moe_intermediate_size": 896,
        "max_position_embeddings": 8192,
    }
    encoder = _encoder(hidden_size=896, num_hidden_layers=24, num_attention_heads=14, intermediate_size=4864)
    return _config({}, encoder, text, IMAGE_TOKEN_ID)


def _encoder(**numbers: int) -> dict[str, Any]:
    rope = {**_ROPE, "rope_theta": 1e6}
    return {**numbers, "num_key_value_heads": 2, "rope_parameters": rope, "vocab_size": 1}


def _config(
    sam: dict[str, Any], encoder: dict[str, Any], text: dict[str, Any], image_token_id: int
) -> DeepseekOcr2Config:
    layers = text["num_hidden_layers"]
    decoder = {
        **text,
        "mlp_layer_types": ["dense"] + ["sparse"] * (layers - 1),
        "rope_parameters": _ROPE,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    return DeepseekOcr2Config(
        vision_config={"sam_config": sam, "encoder_config": encoder},
        text_config=decoder,
        image_token_id=image_token_id,
    )
