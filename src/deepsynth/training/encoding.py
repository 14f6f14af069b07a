"""Filling the cache of visual tokens: the frozen encoder reads every page that a run will want and that is not there yet.

The encoder is loaded alone, without its decoder, and let go when the cache is full. Pages are drawn by the loader's workers and
encoded document by document, so what is written does not depend on what else was missing. A pause keeps what is done.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from deepsynth.core.control import Control
from deepsynth.core.documents import EncodedPage, Progress
from deepsynth.core.errors import InputError, Paused
from deepsynth.core.geometry import mode as mode_named
from deepsynth.core.processor import PageViews, Pixels
from deepsynth.core.progress import Reporter
from deepsynth.data.config import CacheConfig
from deepsynth.models import LoadedModel, build_size, load_model
from deepsynth.models.encoder_apart import file_fingerprint, state_fingerprint
from deepsynth.models.folders import weight_keys
from deepsynth.models.loading import local_folder
from deepsynth.models.reading import encode_views
from deepsynth.models.saving import write_encoder_file
from deepsynth.rendering.views import page_views
from deepsynth.training.examples import Examples, cache_key, set_epoch
from deepsynth.training.loader import worker_context
from deepsynth.training.visual_cache import VisualCache

TELL_SECONDS = 5.0
"""Time between two reports of progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Examples of one epoch that a run will read."""

    examples: Examples
    indices: Sequence[int]
    epoch: int = 0


def open_cache(config: CacheConfig, model: str, *, seed: int = 0) -> VisualCache:
    """Return the cache's folder for a model's encoder: a size by its name, else a folder or Hub id.

    Raises:
        ModelError: the model cannot be read.
    """
    projector = config.features == "projected"
    built = build_size(model, seed=seed)
    if built is not None:
        mark = state_fingerprint(built.model, projector=projector)
    else:
        mark = file_fingerprint(weight_keys(local_folder(model)), projector=projector)
    name = f"{mark}-{config.features}-{config.compute}-{config.precision}"
    return VisualCache(config.folder.expanduser() / name, config.precision)


def fill_cache(
    cache: VisualCache,
    config: CacheConfig,
    model: str,
    wanted: Sequence[Wanted],
    *,
    mode: str,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 0,
    process: int = 0,
    processes: int = 1,
    reporter: Reporter,
    control: Control | None = None,
) -> int:
    """Encode what is wanted and missing; return how many documents were encoded by this process, of several.

    Nothing missing means that no encoder is loaded.

    Raises:
        Paused: a pause was asked for, by `control` or by the reporter; what was encoded is kept.
        StorageError: the disk refused; what was written before is whole.
    """
    missing = [_missing(cache, part, mode) for part in wanted]
    total = len({key for found in missing for key in found})
    if not total and cache.encoder_file.is_file():
        return 0
    loaded = build_size(model, seed=seed) or load_model(
        model, dtype=getattr(torch, config.compute), device=device, without="decoder"
    )
    loaded.model.to(device, getattr(torch, config.compute)).eval()
    if process == 0 and not cache.encoder_file.is_file():
        cache.folder.mkdir(parents=True, exist_ok=True)
        write_encoder_file(loaded.model, cache.encoder_file)
        cache.describe({"model": model, **config.model_dump(mode="json", include={"features", "compute"})})
    encoder = _Encoder(loaded, projected=config.features == "projected", device=device)
    done, told = 0, -math.inf
    try:
        for part, found in zip(wanted, missing, strict=True):
            mine = {key: index for key, index in found.items() if _share(key, processes) == process}
            for key, views in _drawn(part, mine, mode, workers):
                if control is not None and control.should_pause():
                    raise Paused(
                        f"paused after encoding {done} of {total} documents; run the same command again to go on"
                    )
                if time.monotonic() - told >= TELL_SECONDS:
                    told = time.monotonic()
                    reporter.progress(Progress(done=min(done, total), total=total, message="encoding pages"))
                if key not in cache:
                    cache.add(key, encoder(views), [hash_views(view) for view in views])
                    done += 1
    except Paused:
        cache.flush()
        raise
    cache.flush()
    return done


def check_still_drawn_so(cache: VisualCache, examples: Examples, index: int, mode: str) -> None:
    """Check, on one example, that pages are drawn today as they were when they were encoded.

    Raises:
        InputError: the pixels differ, so the cache is stale.
    """
    views = views_of(examples, index, mode)
    if cache.pixels(cache_key(examples, index, mode)) != tuple(map(hash_views, views)):
        raise InputError(
            f"example {index} is no longer drawn as it was when {cache.folder} was filled; remove that folder"
        )


def hash_views(views: PageViews) -> str:
    """Return a hash of a page as the encoder takes it."""
    digest = blake2b(views.global_view.tobytes(), digest_size=8)
    digest.update(b"" if views.tiles is None else views.tiles.tobytes())
    return digest.hexdigest()


def views_of(examples: Examples, index: int, mode: str) -> tuple[PageViews, ...]:
    """Return an example's pages as the encoder takes them.

    Raises:
        InputError: it has none.
    """
    example = examples[index]
    if not example.pages:
        raise InputError(f"example {example.id!r} has no page, so there is nothing to encode; train without the cache")
    return tuple(page_views(page.image, mode_named(mode)) for page in example.pages)


class _Encoder:
    """Turns views into what the cache keeps."""

    def __init__(self, loaded: LoadedModel, *, projected: bool, device: str) -> None:
        self._loaded, self._projected, self._device = loaded, projected, device

    @torch.no_grad()
    def __call__(self, pages: Sequence[PageViews]) -> list[EncodedPage]:
        return [self._page(page) for page in pages]

    def _page(self, page: PageViews) -> EncodedPage:
        view, tiles = self._pixels(page.global_view[None]), None
        if page.tiles is not None:
            tiles = self._pixels(page.tiles)
        if self._projected:
            (features,) = self._loaded.family.encode_pages(self._loaded.model, view, tiles, [page.grid])
            return EncodedPage(grid=page.grid, tokens=page.tokens, features=features)
        rows = encode_views(self._loaded.model, view)[0]
        found = [rows] if tiles is None else [rows, encode_views(self._loaded.model, tiles).flatten(0, 1)]
        return EncodedPage(grid=page.grid, tokens=page.tokens, features=torch.cat(found), view_tokens=len(rows))

    def _pixels(self, pixels: Pixels) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).to(self._device)


class _Views:
    """Views by index, for the loader's workers."""

    def __init__(self, examples: Examples, mode: str) -> None:
        self._examples, self._mode = examples, mode

    def __getitem__(self, index: int) -> tuple[PageViews, ...]:
        return views_of(self._examples, index, self._mode)


def _drawn(
    part: Wanted, missing: dict[str, int], mode: str, workers: int
) -> Iterator[tuple[str, tuple[PageViews, ...]]]:
    set_epoch(part.examples, part.epoch)
    loader: Any = DataLoader(
        _Views(part.examples, mode),  # pyright: ignore[reportArgumentType]  (a protocol, not a subclass)
        sampler=list(missing.values()),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=worker_context() if workers else None,
        generator=torch.Generator(),
    )
    return zip(missing, loader, strict=True)


def _missing(cache: VisualCache, part: Wanted, mode: str) -> dict[str, int]:
    """Return the keys that the cache lacks, each with an index of an example that has it."""
    set_epoch(part.examples, part.epoch)
    keys = ((cache_key(part.examples, index, mode), index) for index in part.indices)
    return {key: index for key, index in keys if key not in cache}


def _share(key: str, processes: int) -> int:
    """Return the process that encodes a page: by its key, since what is missing differs while others write."""
    return zlib.crc32(key.encode()) % processes
