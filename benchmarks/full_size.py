"""The published size with random weights: peak memory and time of a training step, for full, LoRA and QLoRA.

    python -m benchmarks.full_size --out benchmarks/results/full_size.json      # one accelerator of 80 GB, about ten minutes
    python -m benchmarks.full_size --tiny                                      # the same road in small on a CPU, in seconds

Each case runs in a process of its own, so that a case that does not fit leaves nothing behind and is written down as such. A
step is forward, backward and AdamW over `--batch` rows of `--length` tokens with one page each; the median of the steps after
the first counts. Random weights serve for memory and time; they say nothing about quality. Beside each measured peak stands
the planner's (`deepsynth.training.planning`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from benchmarks.peak import Held, held_bytes

from deepsynth.core.geometry import MODES
from deepsynth.models import families
from deepsynth.training.config import TrainerConfig
from deepsynth.training.model_utils import freeze_parts
from deepsynth.training.optimizers import make_optimizers
from deepsynth.training.planning import plan_training
from deepsynth.training.tuning import inject_adapters, load_frozen_base

LORA = {"base_dtype": "bfloat16"}
CASES: dict[str, dict[str, Any]] = {
    "LoRA": {"lora": LORA},
    "LoRA, checkpointed": {"lora": LORA, "gradient_checkpointing": True},
    "LoRA, experts in a loop": {"lora": LORA, "experts": "eager"},
    "LoRA, plain attention": {"lora": LORA, "attention": "eager"},
    "QLoRA": {"lora": {**LORA, "quantize_experts": True}},
    "QLoRA, checkpointed": {"lora": {**LORA, "quantize_experts": True}, "gradient_checkpointing": True},
    "full, checkpointed": {"gradient_checkpointing": True, "batch_size": 1},
    "full, bf16 autocast, checkpointed": {"gradient_checkpointing": True, "batch_size": 1, "mixed_precision": "bf16"},
}
"""Settings of `TrainerConfig`, and the kernels where they are not the usual ones."""


def main() -> None:
    """Run the cases, print and, when asked, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="the tiny size on this machine's CPU")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=573)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--limit", type=int, default=120, help="seconds that a case may take")
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(run_case(given.case, given)))
        return
    results = {name: in_a_process(name, given) for name in given.cases}
    print(f"{'':36}{'step':>9}{'peak':>11}{'planned':>11}{'rows/s':>9}")
    for name, found in results.items():
        print(f"{name:36}" + (found["failed"] if "failed" in found else shown(found)))
    if given.out:
        told = {"machine": machine(given), "batch": given.batch, "length": given.length, "cases": results}
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def shown(found: dict[str, Any]) -> str:
    """Return a line of the table."""
    unit, name = (2**30, "GiB") if found["peak"] >= 2**30 else (2**20, "MiB")
    return (
        f"{found['seconds']:8.2f}s{found['peak'] / unit:7.2f} {name}{found['planned'] / unit:7.2f} {name}"
        f"{found['batch'] / found['seconds']:9.2f}"
    )


def in_a_process(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Run one case apart; a case that fails or takes too long says so."""
    command = [sys.executable, "-m", "benchmarks.full_size", "--case", name, "--batch", str(given.batch)]
    command += ["--length", str(given.length), "--steps", str(given.steps)] + (["--tiny"] if given.tiny else [])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=given.limit, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {given.limit} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["died without a word"])[-1][:200]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_case(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measure one case here."""
    case = dict(CASES[name])
    experts, attention = case.pop("experts", None), case.pop("attention", None)
    device = "cpu" if given.tiny else "cuda"
    page = MODES["nano-128" if given.tiny else "base"]
    values = {"model": "tiny" if given.tiny else "full", "batch_size": given.batch, **case}
    config = TrainerConfig.parse(values)
    loaded = prepare(config, device)
    loaded.model.choose_kernels(device)
    if experts:
        loaded.model.model.language_model.set_experts_implementation(experts)
    if attention:
        loaded.model.set_attn_implementation(attention)
    if config.gradient_checkpointing:
        loaded.model.activation_checkpointing_enable({"use_reentrant": False})
    optimizers = make_optimizers(loaded.model, loaded.family.parts(loaded.model), config.optimizer)
    rows = make_batch(loaded, page, config.batch_size, given.length, device)
    loaded.model.train()
    seconds = [timed(loaded, rows, optimizers, config, device) for _ in range(given.steps)]
    peak = measure(loaded, rows, optimizers, config, device)
    shape = loaded.family.build(config.model, device="meta").model
    labels = given.length // 2
    plan = plan_training(shape, loaded.family, config, page, length=given.length, label_tokens=labels, device=device)
    return {
        "seconds": statistics.median(seconds[1:] or seconds),
        "first_seconds": seconds[0],
        "peak": peak,
        "planned": plan.peak,
        "batch": config.batch_size,
        "settings": values,
    }


def prepare(config: TrainerConfig, device: str) -> Any:
    """Return a random model, ready to train as the settings say."""
    family = families.get("deepseek_ocr")
    if config.lora is None:
        loaded = family.build(config.model, device=device)
        freeze_parts(loaded.model, config.freeze)
        return loaded
    if config.model == "tiny":
        loaded = load_frozen_base(config, config.lora, device)
    else:
        from deepsynth.models.four_bit import quantize_experts

        loaded = family.build(config.model, device=device, dtype=torch.bfloat16)
        if config.lora.quantize_experts:
            quantize_experts(loaded.model, device)
    inject_adapters(loaded, config.lora)
    return loaded


def make_batch(loaded: Any, page: Any, rows: int, length: int, device: str) -> dict[str, Any]:
    """Return rows of one page of noise and random words, the second half of which is learned."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(4, loaded.model.config.text_config.vocab_size, (rows, length), generator=generator)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    mask[:, 1 : 1 + page.tokens()] = True
    labels = ids.masked_fill(torch.arange(length)[None] < length - length // 2, -100)
    views = torch.randint(0, 256, (rows, 3, page.size, page.size), generator=generator, dtype=torch.uint8)
    batch = {"input_ids": ids, "labels": labels, "image_token_mask": mask, "attention_mask": torch.ones_like(ids)}
    batch |= {"global_views": views, "page_counts": torch.ones(rows, dtype=torch.long)}
    moved = {name: value.to(device) for name, value in batch.items()}
    return {**moved, "tiles": None, "grids": [(1, 1)] * rows, "ids": tuple(map(str, range(rows)))}


def step(loaded: Any, rows: dict[str, Any], optimizers: list[Any], config: TrainerConfig, device: str) -> None:
    """Take one optimizer step."""
    with torch.autocast(device, torch.bfloat16, enabled=config.mixed_precision == "bf16"):
        loss = loaded.family.forward(loaded.model, rows).loss
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def timed(loaded: Any, rows: dict[str, Any], optimizers: list[Any], config: TrainerConfig, device: str) -> float:
    """Return the seconds of a step, the device's work included."""
    began = time.perf_counter()
    step(loaded, rows, optimizers, config, device)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(loaded: Any, rows: dict[str, Any], optimizers: list[Any], config: TrainerConfig, device: str) -> int:
    """Return the greatest memory of a step, weights and moments included."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step(loaded, rows, optimizers, config, device)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()
    state = [value for item in optimizers for slots in item.state.values() for value in slots.values()]
    before = held_bytes([*loaded.model.parameters(), *loaded.model.buffers(), *state])
    held = Held()
    with held:
        step(loaded, rows, optimizers, config, device)
    return before + held.peak


def machine(given: argparse.Namespace) -> str:
    """Return what it was measured on."""
    return "CPU" if given.tiny else f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
