"""The registries of all seams, and how a test leaves them as they were."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from deepsynth.core.registry import Registry

SEAMS = {
    "deepsynth.sources": "deepsynth.data.sources.base:sources",
    "deepsynth.renderers": "deepsynth.rendering.renderer:renderers",
    "deepsynth.models": "deepsynth.models.family:families",
    "deepsynth.trackers": "deepsynth.training.trackers:trackers",
    "deepsynth.executors": "deepsynth.jobs.executor:executors",
}
"""Entry-point group -> `module:name` of its registry."""


def registry(group: str) -> Registry:
    module, name = SEAMS[group].split(":")
    return getattr(importlib.import_module(module), name)


@contextmanager
def kept_seams() -> Iterator[None]:
    """Forget, at the end, what came into a registry from outside of DeepSynth (its own members come as they are needed)."""
    try:
        yield
    finally:
        for group in SEAMS:
            items = registry(group)._items
            for name in [name for name, item in items.items() if not item.__module__.startswith("deepsynth.")]:
                del items[name]
