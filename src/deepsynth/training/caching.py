"""A run on the cache of visual tokens: what it will read is filled in first, and then read from there."""

from __future__ import annotations

from collections.abc import Sequence

from deepsynth.core.control import Control
from deepsynth.core.progress import Reporter
from deepsynth.training.config import TrainerConfig
from deepsynth.training.encoding import Wanted, check_still_drawn_so, fill_cache
from deepsynth.training.examples import CachedExamples, Examples, set_epoch
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
