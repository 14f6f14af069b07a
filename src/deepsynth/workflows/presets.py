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
    # More passes at a lower rate, weights averaged, until the held-out loss no longer falls.
    "high_quality": {
        "num_epochs": 6,
        "batch_size": 8,
        "gradient_accumulation_steps": 8,
        "eval_interval": 100,
        "keep_checkpoints": 3,
        "early_stopping": 5,
        "ema_decay": 0.999,
        "optimizer": {"learning_rate": 1e-5, "warmup_steps": 200},
    },
    # One example at a time, joined into steps of 32; adapters learn, and inner values are computed again.
    "memory_efficient": {
        "batch_size": 1,
        "gradient_accumulation_steps": 32,
        "mixed_precision": "bf16",
        "gradient_checkpointing": True,
        "lora": {"rank": 16, "targets": "attention"},
        "optimizer": {"learning_rate": 2e-4},
    },
}
