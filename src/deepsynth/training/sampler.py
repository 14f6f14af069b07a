"""Which examples a step reads: a function of seed, epoch and position, so that a run can start anywhere in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

BATCHES_SORTED_TOGETHER = 50
"""Examples of so many global batches are sorted by size and cut into batches: alike within, and still well mixed."""


class EpochSampler:
    """Batches of indices for one process of several, from a place within an epoch on."""

    def __init__(
        self,
        length: int,
        batch_size: int,
        *,
        seed: int,
        process: int = 0,
        processes: int = 1,
        sizes: Callable[[int], Sequence[Any]] | None = None,
    ) -> None:
        """Each global batch holds `batch_size * processes` examples; what does not fill one is left for another epoch.

        A data set smaller than a global batch gives one short batch an epoch. With `sizes`, which gives one for each
        example of an epoch, examples of like size come together.
        """
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.process, self.processes, self.sizes = process, processes, sizes
        self.epoch = 0
        self.start = 0

    @property
    def batches_per_epoch(self) -> int:
        """Global batches in one epoch."""
        return max(1, self.length // (self.batch_size * self.processes))

    def set_place(self, epoch: int, start: int) -> None:
        """Go on from batch `start` of `epoch`."""
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return self.batches_per_epoch - self.start

    def __iter__(self) -> Iterator[list[int]]:
        order = self.permutation()
        wide = self.batch_size * self.processes
        for number in range(self.start, self.batches_per_epoch):
            batch = order[number * wide : (number + 1) * wide]
            yield batch[self.process :: self.processes] or batch[:1]

    def permutation(self) -> list[int]:
        """Return the order of this epoch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.length, generator=generator).tolist()
        return order if self.sizes is None else self._with_like_sizes_together(order, self.sizes(self.epoch), generator)

    def indices(self, epochs: int, batches: int) -> list[list[int]]:
        """Return the indices that all processes read in each of the first epochs, `batches` global batches in all."""
        found, wide, epoch = [], self.batch_size * self.processes, self.epoch
        for self.epoch in range(epochs):
            found.append(self.permutation()[: min(max(0, batches), self.batches_per_epoch) * wide])
            batches -= self.batches_per_epoch
        self.epoch = epoch
        return found

    def _with_like_sizes_together(
        self, order: list[int], sizes: Sequence[Any], generator: torch.Generator
    ) -> list[int]:
        wide = self.batch_size * self.processes
        together = BATCHES_SORTED_TOGETHER * wide
        full = len(order) // wide * wide  # what fills no batch stays at the end
        batches: list[list[int]] = []
        for start in range(0, full, together):
            alike = sorted(order[start : min(full, start + together)], key=lambda index: sizes[index])
            batches += [alike[place : place + wide] for place in range(0, len(alike), wide)]
        shuffled = torch.randperm(len(batches), generator=generator).tolist()
        return [index for number in shuffled for index in batches[number]] + order[full:]
