"""What an executor is, and the settings that choose one: see `executors`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, TypeVar

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.errors import DeepSynthError

Block = TypeVar("Block")
Result = TypeVar("Result")

MOST_DEATHS = 3
"""How often a block may take its worker down before the run gives up on it."""


class ScaleConfig(Config):
    """Where the work is done; changes nothing about the dataset."""

    engine: Literal["processes", "ray"] = "processes"
    """Processes of this machine, or Ray Data on a cluster (extra `ray`)."""
    workers: int = Field(default=1, ge=1, le=4096)
    """Processes to work in; 1 means this one alone."""
    ray_address: str | None = None
    """A Ray cluster to join, such as `auto` or `ray://head:10001`; none starts one on this machine."""


class WorkerError(DeepSynthError):
    """A block of rows took its worker down again and again."""

    exit_code = 1


class Executor(Protocol):
    """Maps a function over blocks."""

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """Yield the result of each block, in order.

        Raises:
            WorkerError: a block took its worker down `MOST_DEATHS` times.
        """
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...
