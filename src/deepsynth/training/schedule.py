"""The learning rate as a function of the optimizer step: pure, so that resuming needs no state of it."""

from __future__ import annotations

import math

from deepsynth.training.config import OptimizerConfig

LARGEST_WARMUP_SHARE = 0.1


def rate_factor(config: OptimizerConfig, step: int, total: int) -> float:
    """Return the factor on the peak rate at optimizer step `step`, counted from 0, of `total`.

    Warm-up rises linearly to 1; every falling schedule reaches exactly 0 behind the last step, so the last step that is
    taken still moves the weights a little.
    """
    warmup = min(config.warmup_steps, int(total * LARGEST_WARMUP_SHARE))
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return 1.0
    begin = warmup
    if config.schedule == "wsd":
        begin = max(warmup, math.floor(total * (1 - config.decay_share)))
    if step < begin or total <= begin:
        return 1.0
    done = min(1.0, (step - begin) / (total - begin))
    return 0.5 * (1 + math.cos(math.pi * done)) if config.schedule == "cosine" else 1 - done
