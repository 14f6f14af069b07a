"""Batches in the sampler's order, read by this process or by workers ahead of it; the numbers are the same."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from deepsynth.core.errors import InputError
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.training.examples import Examples
from deepsynth.training.sampler import EpochSampler


def epoch_batches(
    examples: Examples, sampler: EpochSampler, collator: Collator, *, workers: int, pin_memory: bool
) -> Iterator[Batch]:
    """Yield the batches of the sampler's epoch from its place on.

    Raises:
        InputError: a row cannot be read; one line that names it, from a worker as from here.
    """
    try:
        yield from epoch_loader(examples, sampler, collator, workers=workers, pin_memory=pin_memory)
    except InputError as error:
        # torch puts a worker's whole traceback into the message; its last line is what was said
        last = str(error).strip().splitlines()[-1]
        raise InputError(re.sub(r"^deepsynth\.core\.errors\.\w+: ", "", last)) from error


def epoch_loader(
    examples: Examples, sampler: EpochSampler, collator: Collator, *, workers: int, pin_memory: bool
) -> DataLoader[Any]:
    """Return the loader of the sampler's epoch from its place on."""
    return DataLoader(
        examples,  # pyright: ignore[reportArgumentType]  (a protocol, not a subclass)
        batch_sampler=sampler,
        collate_fn=collator,
        num_workers=workers,
        pin_memory=pin_memory,
        multiprocessing_context=worker_context() if workers else None,
        # its own: a loader would draw its workers' seed from the global generator, which resuming must not shift
        generator=torch.Generator().manual_seed(sampler.epoch),
    )


def worker_context() -> Any:
    """Return how workers start: forked from a server that has imported torch once, where there are such servers.

    An import takes seconds, and workers start anew in each epoch; a fork of the training process itself may hang in a lock
    that one of its threads held.
    """
    if os.name == "nt":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["deepsynth.data.collate", "deepsynth.training.examples", "deepsynth.models"])
    return context
