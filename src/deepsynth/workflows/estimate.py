"""What a training will take, before it starts: in a process of its own, since that needs torch and the model's shape.

    python -m deepsynth.workflows.estimate < settings.json        writes one JSON object

The web application asks it (see `deepsynth.web.planner`); `deepsynth doctor` prints the same plan for people.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from deepsynth.core.errors import DeepSynthError
from deepsynth.workflows.doctor import load_model
from deepsynth.workflows.machine import place
from deepsynth.workflows.presets import ROOM

if TYPE_CHECKING:
    from deepsynth.training.config import TrainerConfig

MATRIX, SECONDS = 512, 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Bytes and arithmetic of a training."""

    device: str
    """`cpu` or `cuda`."""
    room_bytes: int | None
    """Memory of that device in all; none when it is not known."""
    parts: Mapping[str, int]
    """Bytes by purpose; the peak is not their sum."""
    peak_bytes: int
    checkpoint_bytes: int
    checkpoints_bytes: int
    """All checkpoints that are kept at once."""
    operations: float
    """Floating-point operations for one example."""
    operations_per_second: float
    """What this device reaches in a plain product of matrices: no training is faster."""
    row_tokens: int
    """The assumed length of an example: a page, and room for its prompt and summary."""


def estimate(config: TrainerConfig) -> Estimate:
    """Work it out for rows of one page.

    Raises:
        DeepSynthError: the model cannot be loaded, or a setting does not fit it.
    """
    from deepsynth.core.geometry import mode
    from deepsynth.training.model_utils import freeze_parts
    from deepsynth.training.planning import plan_training
    from deepsynth.training.stepping import Step
    from deepsynth.training.throughput import Throughput

    loaded = load_model(config.model)
    page = mode(config.rendering.mode)
    length = config.max_length or page.tokens() + ROOM
    label_tokens = min(length, ROOM)
    device, room = place()
    plan = plan_training(
        loaded.model, loaded.family, config, page, length=length, label_tokens=label_tokens, device=device
    )
    if config.freeze:
        freeze_parts(loaded.model, config.freeze)
    example = Step(
        loss=0.0,
        label_tokens=label_tokens,
        rate=0.0,
        grad_norm=0.0,
        examples=1,
        last=False,
        tokens=length,
        squared_lengths=length**2,
        pixels=page.size**2,
    )
    return Estimate(
        device=device,
        room_bytes=room,
        parts={name: getattr(plan, name) for name in ("weights", "optimizer", "gradients", "activations", "encoding")},
        peak_bytes=plan.peak,
        checkpoint_bytes=plan.checkpoint,
        checkpoints_bytes=plan.checkpoints,
        operations=Throughput(loaded.model, config).operations(example),
        operations_per_second=product_speed(device),
        row_tokens=length,
    )


def product_speed(device: str) -> float:
    """Return the operations a second of a product of matrices, measured for a fifth of a second.

    On a processor the time is that of this process alone, so that what else runs there does not count.
    """
    torch: Any = importlib.import_module("torch")
    clock, threads = (time.monotonic, 1) if device == "cuda" else (time.process_time, torch.get_num_threads())
    matrix = torch.ones(MATRIX, MATRIX, device=device)
    torch.mm(matrix, matrix)
    count, began = 0, clock()
    while clock() - began < SECONDS:
        torch.mm(matrix, matrix)
        if device == "cuda":
            torch.cuda.synchronize()
        count += 1
    return 2.0 * MATRIX**3 * count / (clock() - began) * threads


def main() -> int:
    """Read settings from standard input, write the estimate, return the exit code; an error is one line."""
    from deepsynth.training.config import TrainerConfig

    try:
        found = estimate(TrainerConfig.parse(json.load(sys.stdin)))
    except DeepSynthError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
