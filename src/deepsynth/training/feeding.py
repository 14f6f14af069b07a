"""From examples to batches in the run's order: sampler, collator, workers, and the place where a resumed run goes on."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.core.processor import Processor
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import Examples, set_epoch, size_hint
from deepsynth.training.loader import epoch_batches
from deepsynth.training.sampler import EpochSampler
from deepsynth.training.team import Team


class Feed:
    """The batches of a run."""

    def __init__(self, examples: Examples, config: TrainerConfig, collator: Collator, team: Team) -> None:
        """Order the examples.

        Raises:
            InputError: there is none.
        """
        if not len(examples):
            raise InputError("the training split holds no example")
        self.examples, self._config, self._collator, self._team = examples, config, collator, team
        self.sampler = EpochSampler(
            len(examples),
            config.batch_size,
            seed=config.seed,
            process=team.process,
            processes=team.processes,
            sizes=functools.lru_cache(maxsize=1)(self._sizes) if config.batching == "bucketed" else None,
        )

    def _sizes(self, epoch: int) -> list[Any]:
        """Return a size for each example of an epoch; tasks and stretches of text are others in the next."""
        set_epoch(self.examples, epoch)
        return [size_hint(self.examples, index) for index in range(len(self.examples))]

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        batches = self._config.num_epochs * self.sampler.batches_per_epoch
        return self._config.max_steps or max(1, batches // self._config.gradient_accumulation_steps)

    def indices(self) -> list[list[int]]:
        """Return the examples that the whole run reads, epoch by epoch."""
        batches = self.total_steps * self._config.gradient_accumulation_steps
        epochs = -(-batches // self.sampler.batches_per_epoch)
        return self.sampler.indices(epochs, batches)

    def first(self) -> Example:
        """Return the first example that the run reads."""
        first = self.indices()[0][0]
        set_epoch(self.examples, 0)
        return self.examples[first]

    def batches(self, state: TrainState) -> Iterator[Batch]:
        """Yield batches from the run's place on, over one epoch after another."""
        for epoch in itertools.count(state.epoch):
            self.sampler.set_place(epoch, state.batches if epoch == state.epoch else 0)
            set_epoch(self.examples, epoch)
            yield from epoch_batches(
                self.examples,
                self.sampler,
                self._collator,
                workers=self._config.data.num_workers,
                pin_memory=self._team.device.type == "cuda",
            )

    def advance(self, state: TrainState, batches: int) -> None:
        """Count batches that were read."""
        epochs, state.batches = divmod(state.batches + batches, self.sampler.batches_per_epoch)
        state.epoch += epochs


def make_collator(processor: Processor, config: TrainerConfig, longest: int) -> Collator:
    """Return what makes training batches; `longest` is what the model can hold."""
    return Collator(
        processor,
        padding_side="packed" if config.batching == "packed" else "right",
        max_length=config.max_length or longest,
        pad_to_multiple_of=config.data.pad_to_multiple_of,
    )
