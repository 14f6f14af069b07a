"""What the trainer reads: examples by index, their pages changed as the settings say, or encoded already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from deepsynth.core.documents import EncodedPage, Example
from deepsynth.core.errors import InputError
from deepsynth.data.config import AugmentationConfig
from deepsynth.data.prepared import PreparedDataset, TaskExamples
from deepsynth.data.tasks import generator_for
from deepsynth.data.transforms import create_training_transform
from deepsynth.training.config import TrainerConfig
from deepsynth.training.visual_cache import VisualCache


class Examples(Protocol):
    """Examples by index.

    They may have more to say, which is asked for by name: `set_epoch(epoch)` varies them, reproducibly; `page_key(index)` is a
    hash of what decides the pixels of an example's pages, known without drawing them; `encoded_example(index, pages)` is
    the example with pages that an encoder has read, without drawing; `size_hint(index)` orders examples by size.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...


class AugmentedExamples:
    """Examples with their pages changed, differently in each epoch and each time the same."""

    def __init__(
        self, examples: Examples, config: AugmentationConfig, *, seed: int = 0, variants: int | None = None
    ) -> None:
        """With `variants`, the ways in which pages are changed come again after so many epochs."""
        self._examples, self._config, self._seed, self._epoch = examples, config, seed, 0
        self._variants = variants

    def set_epoch(self, epoch: int) -> None:
        """Change pages in the way of this epoch."""
        self._epoch = epoch if self._variants is None else epoch % self._variants
        set_epoch(self._examples, epoch)

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        example = self._examples[index]
        change = create_training_transform(self._config)
        pages = tuple(
            replace(page, image=change(page.image, generator_for(self._seed, self._epoch, index, page.number)))
            for page in example.pages
        )
        return replace(example, pages=pages)

    def page_key(self, index: int) -> str:
        """Return the key of the unchanged pages joined with how they are changed."""
        how = (self._config.model_dump_json(), self._seed, self._epoch, index)
        return hashlib.blake2b(repr((page_key(self._examples, index), how)).encode(), digest_size=16).hexdigest()

    def encoded_example(self, index: int, pages: tuple[EncodedPage, ...]) -> Example:
        """Pass it on."""
        return encoded_example(self._examples, index, pages)

    def size_hint(self, index: int) -> Any:
        """Pass it on."""
        return size_hint(self._examples, index)


class CachedExamples:
    """Examples whose pages come from the cache of visual tokens; nothing is drawn."""

    def __init__(self, examples: Examples, cache: VisualCache, mode: str) -> None:
        self._examples, self._cache, self._mode = examples, cache, mode

    def set_epoch(self, epoch: int) -> None:
        """Pass it on."""
        set_epoch(self._examples, epoch)

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        return encoded_example(self._examples, index, self._cache.read(self.key(index)))

    def key(self, index: int) -> str:
        """Return the key of an example's entry in the cache."""
        return cache_key(self._examples, index, self._mode)

    def size_hint(self, index: int) -> Any:
        """Pass it on."""
        return size_hint(self._examples, index)


class NamedExamples:
    """Examples that say which one could not be read, whatever went wrong: a bad row ends the run, it is not skipped."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def set_epoch(self, epoch: int) -> None:
        """Pass it on."""
        set_epoch(self._examples, epoch)

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        with _named(index):
            return self._examples[index]

    def size_hint(self, index: int) -> Any:
        """Pass it on."""
        with _named(index):
            return size_hint(self._examples, index)


@contextmanager
def _named(index: int) -> Generator[None]:
    try:
        yield
    except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"example {index} cannot be read: {error!r}") from error


def set_epoch(examples: Examples, epoch: int) -> None:
    """Tell the examples which epoch it is, if they want to know."""
    vary = getattr(examples, "set_epoch", None)
    if vary is not None:
        vary(epoch)


def page_key(examples: Examples, index: int) -> str:
    """Return a hash of what decides the pixels of an example's pages; of the pixels themselves, if nothing else is known."""
    known: Callable[[int], str] | None = getattr(examples, "page_key", None)
    if known is not None:
        return known(index)
    digest = hashlib.blake2b(digest_size=16)
    for page in examples[index].pages:
        digest.update(f"{page.image.mode} {page.image.size}".encode())
        digest.update(page.image.tobytes())
    return digest.hexdigest()


def cache_key(examples: Examples, index: int, mode: str) -> str:
    """Return the key of an example's pages in the cache of visual tokens."""
    return hashlib.blake2b(f"{mode} {page_key(examples, index)}".encode(), digest_size=16).hexdigest()


def encoded_example(examples: Examples, index: int, pages: tuple[EncodedPage, ...]) -> Example:
    """Return an example with pages that an encoder has read, drawn only if the examples know no other way."""
    known: Callable[[int, tuple[EncodedPage, ...]], Example] | None = getattr(examples, "encoded_example", None)
    return known(index, pages) if known is not None else replace(examples[index], pages=(), encoded_pages=pages)


def size_hint(examples: Examples, index: int) -> Any:
    """Return something by which examples can be ordered by size."""
    known: Callable[[int], Any] | None = getattr(examples, "size_hint", None)
    if known is not None:
        return known(index)
    example = examples[index]
    return len(example.pages), len(example.text or ""), len(example.summary or "")


def open_examples(config: TrainerConfig) -> tuple[Examples, Examples | None]:
    """Return what the settings name: examples to learn from, and those to watch when evaluation is on.

    Raises:
        InputError: there is no such dataset or split.
    """
    data = config.data
    dataset = PreparedDataset(data.path)

    def split(name: str, limit: int | None, looks: AugmentationConfig | None = None) -> Examples:
        rows, variants = dataset.split(name), config.cache.variants if config.cache else None
        return TaskExamples(rows, data, config.rendering, limit=limit, seed=config.seed, looks=looks, variants=variants)

    watched = None if config.eval_interval is None else split(data.evaluation_split, data.max_eval_samples)
    return split(data.train_split, data.max_train_samples, config.augmentation), watched
