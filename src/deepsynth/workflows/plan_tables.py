"""What training a model takes, as tables for people: by way of training, and by preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepsynth.workflows.machine import place
from deepsynth.workflows.presets import PRESETS, ROOM, format_bytes, peak

PLANNED = ("weights", "optimizer", "gradients", "activations", "logits", "encoding")


def plan_table(
    loaded: Any,
    mode_name: str,
    settings: Mapping[str, Any],
    *,
    freeze: tuple[str, ...],
    rank: int,
    max_length: int | None = None,
) -> str:
    """Return memory by purpose for full training, LoRA and QLoRA, and what they leave on the disk.

    `settings` of training are those that all of them share; rows hold one page, and `max_length` tokens where it is given.
    """
    from deepsynth.core.geometry import mode
    from deepsynth.training.config import TrainerConfig
    from deepsynth.training.planning import plan_training

    page = mode(mode_name)
    length = max_length or page.tokens() + ROOM
    ways: dict[str, dict[str, Any]] = {
        "full, float32": {"freeze": freeze},
        "full, bf16 autocast": {"freeze": freeze, "mixed_precision": "bf16"},
        "LoRA, bfloat16": {"lora": {"rank": rank, "base_dtype": "bfloat16"}},
        "QLoRA": {"lora": {"rank": rank, "base_dtype": "bfloat16", "quantize_experts": True}},
    }
    device, room = place()
    lines = [f"  {'':20}" + "".join(f"{name:>12}" for name in (*PLANNED, "peak", "checkpoint"))]
    for name, values in ways.items():
        plan = plan_training(
            loaded.model,
            loaded.family,
            TrainerConfig.parse({**settings, **values}),
            page,
            length=length,
            label_tokens=min(length, ROOM),
            device=device,
        )
        sizes = [*(getattr(plan, purpose) for purpose in PLANNED), plan.peak, plan.checkpoint]
        memory = "".join(f"{format_bytes(size):>12}" for size in sizes)
        disk = f", {format_bytes(plan.checkpoints)} of checkpoints at once"
        lines.append(f"  {name:20}{memory}{_verdict(plan.peak, room)}{disk}")
    cached = page.tokens() * _hidden(loaded) * 2
    return "\n".join(
        [
            *lines,
            f"  rows of {length} tokens; the peak is weights, optimizer and the largest of encoding, activations with logits,"
            " and gradients (docs/guides/planning.md)",
            f"  a page is {page.tokens()} visual tokens: {format_bytes(cached * 1000)} for a thousand cached pages in bfloat16",
        ]
    )


def preset_table(loaded: Any, mode_name: str) -> str:
    """Return what training this model takes with each preset, and what the preset is for."""
    device, room = place()
    lines: list[str] = []
    for name, preset in PRESETS.items():
        planned = peak(loaded.model, loaded.family, name, mode_name, device)
        lines.append(f"  {name:20}{format_bytes(planned):>12}{_verdict(planned, room)}: {preset.sentence}")
    return "\n".join(lines)


def _verdict(planned: int, room: int | None) -> str:
    return "" if room is None else "  fits here" if planned < room else "  DOES NOT FIT here"


def _hidden(loaded: Any) -> int:
    from deepsynth.models.parts import unwrap

    return unwrap(loaded.model).config.text_config.hidden_size
