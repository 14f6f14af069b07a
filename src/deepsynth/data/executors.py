"""Where the work on blocks of rows is done: in this process, in several, or on a Ray cluster. The results are the same.

An executor maps a function over blocks and yields the results in order, with only a window of blocks in memory. The function
depends on nothing but its block, so a block whose worker died is simply done again, and no row is lost or doubled.
"""

from __future__ import annotations

import collections
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from deepsynth.data.scale import MOST_DEATHS, Block, Executor, Result, ScaleConfig, WorkerError


class InProcess:
    """Does the work here and now."""

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """Yield the results (see `Executor.map`)."""
        return map(function, blocks)

    def close(self) -> None:
        """Nothing is held."""


class Processes:
    """Does the work in processes of this machine; one that dies is replaced and its blocks are done again."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """Yield the results (see `Executor.map`)."""
        source = iter(blocks)
        taken: collections.deque[Block] = collections.deque()
        futures: collections.deque[Future[Result]] = collections.deque()  # those of the first blocks in `taken`
        deaths = 0
        while True:
            while len(taken) < 2 * self._workers and (block := next(source, _END)) is not _END:
                taken.append(block)
            if not taken:
                return
            try:  # a pool breaks while blocks are handed over as well as while a result is awaited
                futures.extend(self._submit(function, block) for block in islice(taken, len(futures), None))
                result = futures[0].result()
            except BrokenProcessPool as error:
                deaths += 1
                if deaths >= MOST_DEATHS:
                    raise WorkerError(
                        f"a worker died {deaths} times at the same block of rows; if memory is short, use fewer workers"
                    ) from error
                self.close()
                futures.clear()
                continue
            deaths = 0
            taken.popleft()
            futures.popleft()
            yield result

    def _submit(self, function: Callable[[Block], Result], block: Block) -> Future[Result]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._workers, mp_context=_context(), initializer=_end_with_parent)
        return self._pool.submit(function, block)

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


_END: Any = object()


def _context() -> Any:
    """Return how workers start: forked from a server that has imported once what they need, where there are such servers."""
    if os.name == "nt":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["deepsynth.data.entries", "deepsynth.data.drawing", "py3langid.langid", "rensa"])
    return context


def _end_with_parent() -> None:
    """Let this worker end when the process that gives it work is killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in workers

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def make_executor(config: ScaleConfig) -> Executor:
    """Return what `config` asks for.

    Raises:
        MissingExtraError: Ray is wanted and not installed.
    """
    if config.engine == "ray":
        from deepsynth.data.ray_executor import RayData

        return RayData(config)
    return InProcess() if config.workers == 1 else Processes(config.workers)
