"""Comparing a written model folder with the model it was written from."""

from __future__ import annotations

from pathlib import Path

import torch

from deepsynth.core.errors import ModelError
from deepsynth.models.family import LoadedModel
from deepsynth.models.loading import load_model


def check_same_weights(loaded: LoadedModel, folder: Path) -> tuple[int, int]:
    """Load `folder` and compare every weight with `loaded`; return the number of tensors and of parameters.

    Raises:
        ModelError: a weight is missing, left over or differs by a single bit; names it.
    """
    dtype = next(loaded.model.parameters()).dtype
    again = load_model(folder, dtype=dtype).model.state_dict()
    expected = loaded.model.state_dict()
    if again.keys() != expected.keys():
        differing = sorted(again.keys() ^ expected.keys())
        raise ModelError(f"{folder} does not hold the model's weights again: {', '.join(differing[:8])}")
    for name, value in expected.items():
        if not torch.equal(value.cpu(), again[name]):
            raise ModelError(f"{folder}: weight {name} differs from the model it was written from")
    return len(expected), sum(value.numel() for value in expected.values())
