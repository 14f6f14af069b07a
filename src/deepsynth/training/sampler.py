"""Which examples a step reads: a function of seed, epoch and position, so that a run can start anywhere in it."""

from __future__ import annotations

from collections.abc import Iterator

import torch


class EpochSampler:
    """Batches of indices for one process of several, from a place within an epoch on."""

    def __init__(self, length: int, batch_size: int, *, seed: int, process: int = 0, processes: int = 1) -> None:
        """Each global batch holds `batch_size * processes` examples; what does not fill one is left for another epoch.

        A data set smaller than a global batch gives one short batch an epoch.
        """
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.process, self.processes = process, processes
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
        return torch.randperm(self.length, generator=generator).tolist()
