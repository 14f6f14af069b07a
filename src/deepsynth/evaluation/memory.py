"""The most memory that a stretch of work took: of the accelerator where there is one, else of the process."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """Filled in when the block of `peak_memory` ends."""

    mib: float | None = None
    """Peak in MiB; none where it cannot be measured (a CPU on another system than Linux)."""


@contextmanager
def peak_memory() -> Generator[PeakMemory]:
    """Measure the peak inside the block: allocated accelerator memory, or resident memory of the whole process on Linux."""
    peak = PeakMemory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        yield peak
        peak.mib = torch.cuda.max_memory_allocated() / 2**20
        return
    measured = sys.platform == "linux" and _reset_peak()
    yield peak
    if measured:
        peak.mib = _resident_peak()


def _reset_peak() -> bool:
    """Let the kernel count the peak anew; false where it does not allow it."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _resident_peak() -> float | None:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None
