"""Named settings of training, as data: each is a part of the tree that a file or flags may go over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # A few minutes on a laptop, to see that data, model and settings fit together.
    "quick_test": {
        "max_steps": 50,
        "batch_size": 4,
        "log_interval": 5,
        "data": {"max_train_samples": 200, "max_eval_samples": 32},
    },
    # What to begin with: the encoder frozen, cosine schedule, the loss watched.
    "standard": {
        "num_epochs": 3,
        "batch_size": 8,
        "gradient_accumulation_steps": 4,
        "eval_interval": 200,
        "optimizer": {"learning_rate": 2e-5, "warmup_steps": 100},
    },
    # More passes at a lower rate, best checkpoint kept.
    "high_quality": {
        "num_epochs": 6,
        "batch_size": 8,
        "gradient_accumulation_steps": 8,
        "eval_interval": 100,
        "keep_checkpoints": 3,
        "optimizer": {"learning_rate": 1e-5, "warmup_steps": 200},
    },
    # One example at a time, joined into steps of 32; only attention and head learn.
    "memory_efficient": {
        "batch_size": 1,
        "gradient_accumulation_steps": 32,
        "mixed_precision": "bf16",
        "freeze": ["sam", "clip", "projector", "embeddings", "router", "experts", "shared_experts", "dense"],
    },
}
