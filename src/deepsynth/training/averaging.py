"""A moving average of the weights: often a little better than the last ones, at the price of one more copy."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Follows the parameters that learn, in float32."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """`decay` near 1 looks far back; the first steps look back less, or random weights would linger."""
        self.decay = decay
        self._learning = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self.tensors: dict[str, Tensor] = {
            name: value.detach().float().clone() for name, value in self._learning.items()
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights as they are after optimizer step `step`, counted from 1."""
        weight = 1 - min(self.decay, step / (step + 10))
        for name, value in self._learning.items():
            self.tensors[name].lerp_(value.float(), weight)

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from saved averages."""
        for name, value in self.tensors.items():
            value.copy_(tensors[name])

    @contextmanager
    def in_place(self) -> Generator[None]:
        """Put the averages into the model for the length of the block."""
        kept = {name: value.detach().clone() for name, value in self._learning.items()}
        self._fill(self.tensors)
        try:
            yield
        finally:
            self._fill(kept)

    @torch.no_grad()
    def _fill(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in self._learning.items():
            value.copy_(tensors[name])
