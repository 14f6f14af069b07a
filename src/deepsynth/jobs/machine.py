"""What this machine has for jobs: processors, memory, disk, accelerators. Asks no torch: that costs seconds and memory."""

from __future__ import annotations

import functools
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

_QUERY = ("--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """One accelerator."""

    index: int
    name: str
    memory_bytes: int


@functools.cache
def accelerators() -> tuple[Accelerator, ...]:
    """Return the NVIDIA accelerators that the driver lists; none without its tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    answer = subprocess.run([tool, *_QUERY], capture_output=True, text=True, check=False, timeout=30)
    return parse_accelerators(answer.stdout) if answer.returncode == 0 else ()


def parse_accelerators(text: str) -> tuple[Accelerator, ...]:
    """Return what lines such as `0, NVIDIA H100, 81559` (index, name, MiB) say."""
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines() if line.count(",") == 2]
    return tuple(
        Accelerator(index=int(index), name=name, memory_bytes=int(memory) * 2**20) for index, name, memory in rows
    )


def memory_limit() -> int:
    """Return the memory that processes may take, in bytes: that of the machine, or less in a container."""
    total = psutil.virtual_memory().total
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or `max`
            continue
    return total


def memory_available() -> int:
    """Return the memory that is free for use just now, in bytes."""
    return min(psutil.virtual_memory().available, memory_limit())


def disk_free(folder: Path) -> int:
    """Return the bytes that may still be written below `folder` or its nearest parent that exists."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free
