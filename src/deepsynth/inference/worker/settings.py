"""What the model's process is told at its start."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from deepsynth.core.config import Config


class ModelSettings(Config):
    """Which model is run, and by what."""

    model: str = "nano"
    """Checkpoint, model folder, Hub id or built-in size."""
    adapters: dict[str, Path] = Field(default_factory=dict[str, Path])
    """Folders of LoRA checkpoints by the names under which requests ask for them."""
    device: str | None = None
    """Device of the model; without it, an accelerator if there is one."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of the model on a CPU; without it, one for a small decoder and as many as torch chooses for a large one."""
    max_running: int = Field(default=16, ge=1, le=1024)
    """Requests written side by side."""
    vllm: str = ""
    """Address of a vLLM server (as http://127.0.0.1:8000/v1) that runs the model instead; `model` names its folder."""
