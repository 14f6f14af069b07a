"""What the trainer reads: examples by index, their pages changed as the settings say."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.data.config import AugmentationConfig
from deepsynth.data.prepared import PreparedDataset, TaskExamples
from deepsynth.data.tasks import generator_for
from deepsynth.data.transforms import create_training_transform
from deepsynth.training.config import TrainerConfig


class Examples(Protocol):
    """Examples by index. With `set_epoch` it may vary them by epoch, reproducibly."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...


class AugmentedExamples:
    """Examples with their pages changed, differently in each epoch and each time the same."""

    def __init__(self, examples: Examples, config: AugmentationConfig, *, seed: int = 0) -> None:
        self._examples, self._config, self._seed, self._epoch = examples, config, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Change pages in the way of this epoch."""
        self._epoch = epoch
        set_epoch(self._examples, epoch)

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        example = self._examples[index]
        change = create_training_transform(self._config)
        pages = tuple(
            replace(page, image=change(page.image, generator_for(self._seed, self._epoch, example.id, page.number)))
            for page in example.pages
        )
        return replace(example, pages=pages)


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
        try:
            return self._examples[index]
        except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise InputError(f"example {index} cannot be read: {error!r}") from error


def set_epoch(examples: Examples, epoch: int) -> None:
    """Tell the examples which epoch it is, if they want to know."""
    vary = getattr(examples, "set_epoch", None)
    if vary is not None:
        vary(epoch)


def open_examples(config: TrainerConfig) -> tuple[Examples, Examples | None]:
    """Return what the settings name: examples to learn from, and those to watch when evaluation is on.

    Raises:
        InputError: there is no such dataset or split.
    """
    data = config.data
    dataset = PreparedDataset(data.path)

    def split(name: str, limit: int | None) -> Examples:
        return TaskExamples(dataset.split(name), data, config.rendering, limit=limit, seed=config.seed)

    watched = None if config.eval_interval is None else split(data.evaluation_split, data.max_eval_samples)
    return split(data.train_split, data.max_train_samples), watched
