"""The cache of visual tokens in use: filled with what a run will read, or ahead of any run with all of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from deepsynth.core.control import Control
from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter
from deepsynth.data.config import DataConfig, EncodeConfig
from deepsynth.data.prepared import PreparedDataset, TaskExamples
from deepsynth.training.config import TrainerConfig
from deepsynth.training.encoding import Wanted, check_still_drawn_so, fill_cache, open_cache
from deepsynth.training.examples import AugmentedExamples, CachedExamples, Examples, set_epoch
from deepsynth.training.team import Team
from deepsynth.training.visual_cache import VisualCache


def cached_examples(
    cache: VisualCache,
    config: TrainerConfig,
    dataset: Examples,
    plan: Sequence[Sequence[int]],
    evaluation: Examples | None,
    team: Team,
    reporter: Reporter,
    control: Control,
) -> tuple[Examples, Examples | None]:
    """Return both data sets as read from the cache, which is filled with what the plan lacks, epoch by epoch.

    Raises:
        Paused: a pause was asked for while pages were encoded.
        InputError: pages are no longer drawn as they were when the cache was filled.
    """
    assert config.cache is not None
    wanted = [Wanted(examples=dataset, indices=indices, epoch=epoch) for epoch, indices in enumerate(plan)]
    if evaluation is not None:
        wanted.append(Wanted(examples=evaluation, indices=range(len(evaluation))))
    done = fill_cache(
        cache,
        config.cache,
        config.model,
        wanted,
        mode=config.rendering.mode,
        seed=config.seed,
        device=str(team.device),
        workers=config.data.num_workers,
        process=team.process,
        processes=team.processes,
        reporter=reporter,
        control=control,
    )
    team.wait()
    cache.refresh()
    if done:
        reporter.message(f"encoded the pages of {done:,} documents; no run on these pages loads the encoder again")
    set_epoch(dataset, 0)
    check_still_drawn_so(cache, dataset, plan[0][0], config.rendering.mode)
    mode = config.rendering.mode
    return CachedExamples(dataset, cache, mode), evaluation and CachedExamples(evaluation, cache, mode)


def encode_dataset(
    folder: Path,
    config: EncodeConfig,
    *,
    workers: int = 0,
    reporter: Reporter,
    control: Control | None = None,
) -> tuple[VisualCache, int]:
    """Fill the cache with the pages of a prepared dataset; return it and how many documents were encoded now.

    Keys are those of a training on summaries with the dataset's rendering, so that training finds every page there.

    Raises:
        Paused: a pause was asked for; what was encoded is kept.
        InputError: the dataset is not there or has none of the splits, or a row has no page.
        ModelError: the model cannot be read.
    """
    dataset = PreparedDataset(folder)
    wanted: list[Wanted] = []
    for name in config.splits:
        if name not in dataset.splits():
            continue
        learned = name == DataConfig().train_split
        examples = TaskExamples(
            dataset.split(name),
            DataConfig(path=folder),
            dataset.rendering,
            seed=config.seed,
            looks=config.augmentation if learned else None,
            variants=config.cache.variants,
        )
        wanted += _versions(examples, config) if learned else [_all_of(examples)]
    if not wanted:
        raise InputError(
            f"{folder} has none of the splits {', '.join(config.splits)} to encode; it has {', '.join(dataset.splits())}",
            field="encode.splits",
        )
    cache = open_cache(config.cache, config.model, seed=config.seed)
    done = fill_cache(
        cache,
        config.cache,
        config.model,
        wanted,
        mode=dataset.rendering.mode,
        seed=config.seed,
        device="cuda" if torch.cuda.is_available() else "cpu",
        workers=workers,
        reporter=reporter,
        control=control,
    )
    return cache, done


def _versions(examples: Examples, config: EncodeConfig) -> list[Wanted]:
    """Return training examples as each version of augmentation shows them, or once without."""
    if config.augmentation is None:
        return [_all_of(examples)]
    variants = config.cache.variants
    changed = AugmentedExamples(examples, config.augmentation, seed=config.seed, variants=variants)
    return [_all_of(changed, epoch) for epoch in range(variants)]


def _all_of(examples: Examples, epoch: int = 0) -> Wanted:
    return Wanted(examples=examples, indices=range(len(examples)), epoch=epoch)
