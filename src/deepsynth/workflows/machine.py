"""What this machine has: processor, memory, disk, accelerator, and the versions of what DeepSynth stands on."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from deepsynth.workflows.presets import Device, format_bytes

PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "tokenizers",
    "uharfbuzz",
    "icu4py",
    "pillow",
    "pyarrow",
    "pydantic",
)
EXTRAS = {"web": "fastapi", "data": "zstandard", "gpu": "bitsandbytes", "postgres": "pg8000"}


def machine() -> str:
    """Return processor, memory, disk, accelerator and apt."""
    free = format_bytes(shutil.disk_usage(Path.cwd()).free, 1)
    memory = _memory()
    return "\n".join(
        [
            f"  {platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} processors",
            f"  memory {'unknown' if memory is None else format_bytes(memory, 1)}, free disk here {free}",
            f"  accelerator: {_accelerator()}",
            f"  apt (for the debian source): {'yes' if shutil.which('apt-get') else 'no; copy package lists instead'}",
        ]
    )


def _memory() -> int | None:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None


def _accelerator() -> str:
    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available():
        found = (torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count()))
        return ", ".join(f"{item.name} with {item.total_memory / 2**30:.0f} GiB" for item in found)
    return f"none; training runs on {torch.get_num_threads()} processor threads"


def packages() -> str:
    """Return the versions of what DeepSynth stands on, and which extras are there."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    extras = [
        f"{extra} {'yes' if importlib.util.find_spec(module) else f'no (pip install deepsynth[{extra}])'}"
        for extra, module in EXTRAS.items()
    ]
    return f"  {', '.join(versions)}\n  extras: {', '.join(extras)}"


def place() -> tuple[Device, int | None]:
    """Return the kind of device that would train here, and its memory in bytes; none where that is not known."""
    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available():
        return "cuda", int(torch.cuda.get_device_properties(0).total_memory)
    return "cpu", _memory()
