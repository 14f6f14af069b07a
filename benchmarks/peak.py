"""The greatest memory that a piece of work holds at once.

On CUDA the allocator counts by itself. On a CPU every operation is watched: the storages that it makes are counted until
nothing refers to them. Unlike the memory of the process this has no noise; what an operation uses inside itself is not seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(work: Callable[[], object], device: str = "cpu") -> int:
    """Return the bytes by which the tensors alive at once exceeded, at most, those alive before."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    held = Held()
    with held:
        work()
    return held.peak


class Held(TorchDispatchMode):
    """Counts the bytes of storages made by operations, from when they are made to when nothing refers to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        given = {id(storage) for storage in _storages((arguments, keywords))}
        for storage in _storages(result):
            if id(storage) not in given:
                self._take(storage)
        return result

    def _take(self, storage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def _storages(value):
    return [leaf.untyped_storage() for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def held_bytes(tensors) -> int:
    """Return the bytes of tensors, each storage once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())
