"""The work on blocks of rows through Ray Data: on a cluster, or on this machine where there is none.

Blocks go out in windows, so that the driver holds no more than a window in memory; within one, Ray schedules them, and does a
block again whose worker died. Blocks come back in the order in which they went out.
"""

from __future__ import annotations

import itertools
import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from deepsynth.core.errors import MissingExtraError
from deepsynth.data.scale import Block, Executor, Result, ScaleConfig, WorkerError

BLOCKS_PER_WORKER = 32
"""Blocks of a window for each worker: enough that starting a window costs little beside its work."""


class RayData(Executor):
    """Maps functions with Ray Data."""

    def __init__(self, config: ScaleConfig) -> None:
        """Join the cluster that `config` names, or start one here with as many processors as it has workers.

        Raises:
            MissingExtraError: Ray is not installed.
        """
        try:
            import ray  # pyright: ignore[reportMissingImports]
            import ray.data  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise MissingExtraError("ray", "ray") from error
        self._ray: Any = ray
        self._window = BLOCKS_PER_WORKER * config.workers
        where: dict[str, Any] = {"address": config.ray_address} if config.ray_address else {"num_cpus": config.workers}
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        ray.init(**where, log_to_driver=False, configure_logging=False, include_dashboard=False)
        ray.data.DataContext.get_current().enable_progress_bars = False

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """Yield the result of each block, in order (see `Executor.map`)."""
        source = iter(blocks)
        while window := list(itertools.islice(source, self._window)):
            yield from self._map_window(function, window)

    def _map_window(self, function: Callable[[Block], Result], window: list[Block]) -> Iterator[Result]:
        items = [{"place": place, "block": pickle.dumps(block)} for place, block in enumerate(window)]
        data = self._ray.data.from_items(items, override_num_blocks=len(items))
        try:
            rows = data.map(_Work(function)).take_all()
        except self._ray.exceptions.RayError as error:
            raise WorkerError(f"Ray gave up on a block of rows: {str(error).strip().splitlines()[-1]}") from error
        yield from (pickle.loads(row["result"]) for row in sorted(rows, key=lambda row: row["place"]))

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


class _Work:
    """Does a block and keeps its place; blocks travel between processes as `multiprocessing` would send them."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"place": row["place"], "result": pickle.dumps(self._function(pickle.loads(row["block"])))}
