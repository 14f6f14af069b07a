"""What the points of a frontier cost: measured when their texts are made, and kept for a run that goes on later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from deepsynth.core.documents import Summary
from deepsynth.core.files import write_json
from deepsynth.evaluation.frontier_points import Cost

COSTS = "frontier-costs.json"


def read_costs(path: Path) -> dict[str, Cost]:
    """Return the costs that earlier runs have noted."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: Cost(**cost) for name, cost in values.items()}


def keep_cost(folder: Path, name: str, cost: Cost) -> Cost:
    """Return the cost that an earlier run has noted for the same texts, else note this one."""
    path = folder / COSTS
    known = read_costs(path)
    earlier = known.get(name)
    if earlier is not None and np.isclose(earlier.seconds, cost.seconds):  # nothing was written anew
        return earlier
    write_json(path, {key: asdict(value) for key, value in (known | {name: cost}).items()})
    return cost


def cost_of(written: Sequence[Summary], model: Any, memory_mib: float | None) -> Cost:
    """Return the mean cost of summaries that `model` wrote, with the peak that was measured meanwhile."""
    each = cache_bytes(model) / 2**20
    return Cost(
        seconds=fmean(summary.seconds for summary in written),
        memory_mib=memory_mib,
        cache_mib=fmean(each * (summary.prompt_tokens + summary.generated_tokens) for summary in written),
    )


def cache_bytes(model: Any) -> int:
    """Return the bytes that one token leaves in the decoder's cache: keys and values, also of a path to copy by."""
    config, copying = model.config.text_config, getattr(model.config, "copy_size", 0)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    bytes_each: int = next(model.parameters()).element_size()
    copied = 2 * copying + config.hidden_size if copying else 0
    return (2 * config.num_hidden_layers * config.num_key_value_heads * width + copied) * bytes_each
