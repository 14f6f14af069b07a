"""Named settings of training, as data: each is a part of the tree that a file or flags may go over.

What each takes is planned, not guessed: `python -m deepsynth.workflows.presets` writes preset_memory.json from the planner, and
a test holds the file against it. A file, because the command line's help and the web process import no torch.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

MEMORY = Path(__file__).with_name("preset_memory.json")
ROOM = 300
"""Tokens of a row beside its page, where nothing else is said: instruction and summary."""
Device = Literal["cpu", "cuda"]
PLANNED_FOR: Mapping[str, tuple[str, Device]] = {"nano": ("nano-256", "cpu"), "full": ("base", "cuda")}
"""Size -> mode of the pages and kind of device that presets are planned for; rows of one page."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings with a sentence that says what they are for."""

    sentence: str
    settings: Mapping[str, Any]
    memory: str = ""
    """What training with them takes, in words."""

    @property
    def description(self) -> str:
        """The sentence, and what it takes."""
        return f"{self.sentence} {self.memory}".strip()


_PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "quick_test": (
        "A few minutes on a laptop, to see that data, model and settings fit together.",
        {
            "max_steps": 50,
            "batch_size": 4,
            "log_interval": 5,
            "data": {"max_train_samples": 200, "max_eval_samples": 32},
        },
    ),
    "standard": (
        "What to begin with: three passes, the encoder frozen, a cosine schedule, the held-out loss watched.",
        {
            "num_epochs": 3,
            "batch_size": 8,
            "gradient_accumulation_steps": 4,
            "eval_interval": 200,
            "optimizer": {"learning_rate": 2e-5, "warmup_steps": 100},
        },
    ),
    "high_quality": (
        "More passes at a lower rate, weights averaged, until the held-out loss no longer falls.",
        {
            "num_epochs": 6,
            "batch_size": 8,
            "gradient_accumulation_steps": 8,
            "eval_interval": 100,
            "keep_checkpoints": 3,
            "early_stopping": 5,
            "ema_decay": 0.999,
            "optimizer": {"learning_rate": 1e-5, "warmup_steps": 200},
        },
    ),
    "memory_efficient": (
        "One example at a time, joined into steps of 32; adapters beside bfloat16 weights, inner values computed again.",
        {
            "batch_size": 1,
            "gradient_accumulation_steps": 32,
            "mixed_precision": "bf16",
            "gradient_checkpointing": True,
            "lora": {"rank": 16, "targets": "attention", "base_dtype": "bfloat16"},
            "optimizer": {"learning_rate": 2e-4},
        },
    ),
}


def memory(name: str) -> str:
    """Return the planned peak memory of a preset, in words."""
    known = [stored_memory().get(size, {}).get(name) for size in PLANNED_FOR]
    nano, full = ("unknown" if count is None else format_bytes(count, 1) for count in known)
    return f"Planned memory beside Python and torch: {nano} with nano, {full} at the published size."


def format_bytes(count: float, digits: int = 2) -> str:
    """Return a number of bytes in GiB with so many digits behind the point, or in MiB with one fewer."""
    return f"{count / 2**30:.{digits}f} GiB" if count >= 2**30 else f"{count / 2**20:.{digits - 1}f} MiB"


@functools.cache
def stored_memory() -> Mapping[str, Mapping[str, int]]:
    """Return size -> preset -> bytes at the peak, as planned when the file was written."""
    return json.loads(MEMORY.read_text(encoding="utf-8")) if MEMORY.is_file() else {}


def planned_memory() -> dict[str, dict[str, int]]:
    """Return the same from the planner; imports torch."""
    from deepsynth.models import families

    family = families.get("deepseek_ocr")
    found: dict[str, dict[str, int]] = {}
    for size, (mode_name, device) in PLANNED_FOR.items():
        model = family.build(size, device="meta").model
        found[size] = {name: peak(model, family, name, mode_name, device) for name in PRESETS}
    return found


def peak(model: Any, family: Any, name: str, mode_name: str, device: Device) -> int:
    """Return the planned peak of training `model` with a preset, in bytes; rows of one page."""
    from deepsynth.core.geometry import mode
    from deepsynth.training.config import TrainerConfig
    from deepsynth.training.planning import plan_training

    page, config = mode(mode_name), TrainerConfig.parse(PRESETS[name].settings)
    length = page.tokens() + ROOM
    return plan_training(model, family, config, page, length=length, label_tokens=ROOM, device=device).peak


PRESETS: Mapping[str, Preset] = {
    name: Preset(sentence, settings, memory(name)) for name, (sentence, settings) in _PRESETS.items()
}


if __name__ == "__main__":
    MEMORY.write_text(json.dumps(planned_memory(), indent=2) + "\n", encoding="utf-8")
