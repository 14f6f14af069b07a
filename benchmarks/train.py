"""Training with the cache of visual tokens off and on, and as other trainers drive the model, in one run.

    python -m benchmarks.train --out benchmarks/results/train.json                      # nano on a CPU
    python -m benchmarks.train --size full --mode base --length 300 --lora --out ...    # one accelerator of 80 GB
    python -m benchmarks.train --tiny                                                   # the same road in seconds

Every side trains the same model on the same rows in the same order for `--epochs` epochs, in a process of its own; rounds run
all sides in turn, and medians are told. The first epoch stands apart: with a cache it encodes, and every side warms up in it.

* as others do: padded batches, a loop over experts, logits at every position, every page encoded in every step.
* padded, bucketed, packed: this trainer without a cache. * cache ...: with one, in bfloat16 and in 8 bits.

On a CPU rates count processor time, so that a busy machine changes them little; on an accelerator, wall time. Memory is that of
tensors: weights, moments, and the most that a step adds (see `benchmarks.peak`).

The second table is what rounding in the cache does to the loss: each step's training loss and the held-out loss at the end
against those of the same run without a cache, beside what another seed of the order of rows does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from benchmarks.data import make_words
from benchmarks.peak import held_bytes, peak_bytes
from torch.nn import functional

from deepsynth.core.documents import Progress
from deepsynth.core.processor import IGNORED
from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.models import families, save_model
from deepsynth.models.family import ModelOutput
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import CachedExamples, open_examples
from deepsynth.training.metrics import METRICS, read_metrics_lines
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.tuning import save_merged

OTHERS = "as others do"
FIGURES = (
    *("first_epoch_samples_per_second", "encoding_share_of_first", "samples_per_second", "memory"),
    *("teraflops", "utilization"),
)
SIDES: dict[str, dict[str, Any]] = {
    OTHERS: {},
    "padded": {},
    "bucketed": {"batching": "bucketed"},
    "packed": {"batching": "packed"},
    "cache, bfloat16": {"cache": {"precision": "bfloat16"}},
    "cache, int8": {"cache": {"precision": "int8"}},
    "cache, bfloat16, packed": {"cache": {"precision": "bfloat16"}, "batching": "packed"},
}
BASE = "padded"
"""The side that the losses of others are compared with."""
EFFECTS = ("cache, bfloat16", "cache, int8")
"""Sides whose losses are compared with it, beside these runs:"""
MORE_EFFECTS: dict[str, dict[str, Any]] = {
    "cache, float32": {"cache": {"precision": "float32"}},
    "another seed": {"seed": 1},
}


class AllLogits:
    """A model family whose loss is made of logits at every position, as a plain Hugging Face training loop makes it."""

    def __init__(self, family: Any) -> None:
        self._family = family

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)

    def forward(self, model: Any, batch: Mapping[str, Any], *, with_balance_loss: bool = False) -> ModelOutput:
        """Return the summed loss of a batch."""
        labels = batch["labels"]
        output = self._family.forward(model, {**batch, "labels": None}, with_logits=True)
        logits = output.logits[:, :-1].float().flatten(0, 1)
        loss = functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum")
        return ModelOutput(loss=loss, num_label_tokens=int((labels[:, 1:] != IGNORED).sum()))


class DrivenAsOthersDo(DeepSynthProductionTrainer):
    """The same model, rows and optimizer; experts in a loop, and all logits."""

    def _prepare_model(self, model: Any) -> None:
        model.set_attn_implementation("sdpa")
        model.model.language_model.set_experts_implementation("eager")
        model.kernels_for = (self.team.device.type, False)  # so that they stay
        self.loaded = replace(self.loaded, family=AllLogits(self.loaded.family))
        super()._prepare_model(model)


class Clock(SilentReporter):
    """Notes when each epoch ends; the trainer tells its progress once an epoch."""

    def __init__(self) -> None:
        self.marks = [now()]
        self.encoded: tuple[float, float] | None = None

    def progress(self, progress: Progress) -> None:
        """Take the time at the end of an epoch."""
        if progress.message == "training":
            self.marks.append(now())

    def message(self, text: str) -> None:
        """Take the time when the cache is full."""
        if text.startswith("encoded the pages"):
            self.encoded = now()


def now() -> tuple[float, float]:
    """Return wall time and this process's processor time."""
    return time.monotonic(), time.process_time()


def main() -> None:
    """Run every side, print and, when asked, save."""
    given = parse()
    if given.side:
        print(json.dumps(run_side(given)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = write_inputs(folder, given)
        runs = {side: [] for side in given.sides}
        for _ in range(given.rounds):
            for side, found in runs.items():
                found.append(in_a_process(folder, settings, side, SIDES[side]))
        more = {} if given.no_effects else MORE_EFFECTS
        others = {name: in_a_process(folder, settings, BASE, values) for name, values in more.items()}
    sides = {side: medians(found) for side, found in runs.items()}
    print(describe(sides, given))
    effect = effects({side: found[0] for side, found in runs.items()} | others)
    for name, found in effect.items():
        print(f"{name:26}" + "".join(f"{word} {100 * value:.4f} %   " for word, value in found.items()))
    if given.out:
        asked = {name: value for name, value in vars(given).items() if name not in ("out", "side", "settings", "tiny")}
        asked["model"] = given.model and Path(given.model).name
        told = {"settings": asked, "machine": machine(), "torch": torch.__version__}
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({**told, "sides": sides, "effect": effect}, indent=2) + "\n")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="nano", help="size with random weights, unless --model names trained ones")
    parser.add_argument("--model", help="folder of a trained model")
    parser.add_argument("--mode", default="nano-256")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--length", type=int, default=0, help="tokens of a summary; 0: short ones of many lengths")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--no-effects", action="store_true", help="leave the loss table out")
    parser.add_argument("--sides", nargs="*", choices=list(SIDES), default=list(SIDES))
    parser.add_argument("--tiny", action="store_true", help="tiny model, few rows, one round")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--settings", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(argv)
    if given.tiny:
        given.size, given.mode, given.rows, given.batch, given.epochs, given.rounds = "tiny", "nano-128", 16, 4, 2, 1
    return given


def write_inputs(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Write the dataset and, where it has random weights, the model; return the settings of every side."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in make_rows(given)), encoding="utf-8")
    cleaning = {"near_duplicates": "keep", "leaks": "keep", "min_compression": 0.0, "min_chars": 0}
    values = {"source": str(path), "out": folder / "data", "rendering": {"mode": given.mode}, "cleaning": cleaning}
    Preparation(PrepareConfig.parse({**values, "split": {"validation": 0.2, "test": 0.0}}), SilentReporter()).run()
    accelerated = torch.cuda.is_available()
    settings: dict[str, Any] = {
        "model": given.model or str(write_model(folder / "model", given.size)),
        "batch_size": given.batch,
        "num_epochs": given.epochs,
        "save_interval": 10**6,
        "keep_checkpoints": 1,
        "rendering": {"mode": given.mode},
        "data": {"path": str(folder / "data")},
        "eval_interval": 10**6,
        "optimizer": {"learning_rate": 2e-4, "warmup_steps": 0},
        "gradient_checkpointing": given.size == "full" and not given.lora,
    }
    if given.lora:
        settings["lora"] = {"rank": 16, "base_dtype": "bfloat16" if accelerated else "float32"}
    elif accelerated:
        settings["weights"] = "bfloat16"
    return settings


def make_rows(given: argparse.Namespace) -> list[dict[str, str]]:
    """Return rows of made-up prose; a quarter more than `--rows`, for the held-out split."""
    words, rows = make_words(500), []
    for number in range(given.rows * 5 // 4):
        text = " ".join(words[(number * 37 + at * 11) % 500] for at in range(10 + number % 25))
        wanted = given.length or 6 + 7 * (number % 9)
        summary = " ".join(words[(number * 37 + at * 11) % 500] for at in range(wanted))
        rows.append(
            {"text": f"{number} {text}", "summary": f"{number} {summary}"[: wanted * 2 if given.length else 200]}
        )
    return rows


def write_model(folder: Path, size: str) -> Path:
    """Write a size with random weights; the published size borrows the small ones' tokenizer, whose ids it can read."""
    family = families.get("deepseek_ocr")
    accelerated = torch.cuda.is_available()
    dtype = torch.bfloat16 if accelerated else torch.float32
    loaded = family.build(size, dtype=dtype, device="cuda" if accelerated else "cpu")
    if loaded.tokenizer is None:
        small = family.build("nano")
        loaded.model.config.image_token_id = small.model.config.image_token_id
        loaded = replace(loaded, tokenizer=small.tokenizer)
    folder.mkdir()
    save_model(loaded, folder)
    return folder


def medians(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a side's medians over rounds; a side that fails says so."""
    failed = next((item for item in found if "failed" in item), None)
    return failed or {name: statistics.median(item[name] for item in found) for name in FIGURES}


def effects(runs: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how far the losses of runs that may be compared are from those of the base."""
    whole = {name: found for name, found in runs.items() if "failed" not in found}
    names = [name for name in (*EFFECTS, *MORE_EFFECTS) if name in whole and BASE in whole]
    return {name: compare(whole[BASE], whole[name]) for name in names}


def in_a_process(folder: Path, settings: dict[str, Any], side: str, values: dict[str, Any]) -> dict[str, Any]:
    """Run one side apart, in a folder of its own and with an empty cache."""
    own = Path(tempfile.mkdtemp(dir=folder))
    config = {**settings, **values, "output_dir": str(own / "run")}
    if "cache" in config:
        config["cache"] = {**config["cache"], "folder": str(own / "cache")}
    command = [sys.executable, "-m", "benchmarks.train", "--side", side, "--settings", json.dumps(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["died without a word"])[-1][:200]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_side(given: argparse.Namespace) -> dict[str, Any]:
    """Train here and return rates, memory and losses."""
    config = TrainerConfig.parse(json.loads(given.settings))
    examples, held_out = open_examples(config)
    assert held_out is not None
    steps = len(examples) // config.batch_size
    clock = Clock()
    kind = DrivenAsOthersDo if given.side == OTHERS else DeepSynthProductionTrainer
    trainer = kind(config.override({"log_interval": steps, "eval_interval": None}), reporter=clock)
    clock.marks = [now()]
    trainer.train(examples, None)
    which = 0 if torch.cuda.is_available() else 1
    marks, rows = [mark[which] for mark in clock.marks], steps * config.batch_size
    assert len(marks) == config.num_epochs + 1, marks
    first = marks[1] - marks[0]
    later = (marks[-1] - marks[1]) / (config.num_epochs - 1)
    told = read_metrics_lines((config.output_dir / METRICS).read_text(encoding="utf-8"))[-1]
    loss = held_out_loss(trainer, held_out)  # first: measuring memory moves the weights by one more step
    return {
        "first_epoch_samples_per_second": rows / first,
        "encoding_share_of_first": (clock.encoded[which] - marks[0]) / first if clock.encoded else 0.0,
        "samples_per_second": rows / later,
        "memory": memory_of_a_step(trainer, examples),
        "teraflops": told["teraflops"],
        "utilization": told.get("mfu", 0.0),  # of a CPU nobody knows the peak
        "losses": trainer.losses,
        "held_out": loss,
    }


def memory_of_a_step(trainer: DeepSynthProductionTrainer, examples: Any) -> int:
    """Return the bytes of weights and moments, and the most that one more step holds beside them."""
    state = [value for item in trainer.updater.optimizers for slots in item.state.values() for value in slots.values()]
    model = trainer.loaded.model
    held = held_bytes(
        value for value in [*model.parameters(), *model.buffers(), *state] if isinstance(value, torch.Tensor)
    )
    rows = [examples[index] for index in range(trainer.config.batch_size)]
    if trainer.cache is not None:
        cached = CachedExamples(examples, trainer.cache, trainer.config.rendering.mode)
        rows = [cached[index] for index in range(trainer.config.batch_size)]

    def step() -> None:
        batch = trainer.collator(rows)
        (trainer.training_step(batch) / batch.num_label_tokens).backward()
        trainer.updater.step()

    return held + peak_bytes(step, trainer.team.device.type)


def held_out_loss(trainer: DeepSynthProductionTrainer, rows: Any) -> float:
    """Return the loss on held-out rows, whose pages are encoded here: the model that users will run has its encoder."""
    if trainer.cache is None:
        return trainer.evaluation_loss(rows)
    config = trainer.config.override({"cache": None, "eval_interval": None})
    checkpoint = config.output_dir / f"checkpoint-{trainer.state.step}"
    whole = config.override({"model": str(checkpoint), "output_dir": config.output_dir / "whole", "lora": None})
    if config.lora is not None:
        whole = whole.override({"model": str(save_merged(checkpoint, config.output_dir / "merged"))})
    return DeepSynthProductionTrainer(whole).evaluation_loss(rows)


def compare(base: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """Return how far losses are from those of the base, relative to them."""
    pairs = list(zip(base["losses"], other["losses"], strict=True))
    apart = [abs(one - two) / one for one, two in pairs]
    return {
        "mean": statistics.mean(apart),
        "largest": max(apart),
        "held out": (other["held_out"] - base["held_out"]) / base["held_out"],
    }


def describe(sides: dict[str, dict[str, Any]], given: argparse.Namespace) -> str:
    """Return the table."""
    basis = sides.get(OTHERS, {}).get("samples_per_second")
    lines = [f"{given.model or given.size}, {given.mode}, batch {given.batch}, {given.epochs} epochs, {machine()}"]
    lines.append(f"{'':26}{'first epoch':>14}{'later':>10}{'times':>8}{'memory':>12}   (samples/s)")
    for name, found in sides.items():
        if "failed" in found:
            lines.append(f"{name:26}{found['failed']}")
            continue
        times = f"{found['samples_per_second'] / basis:8.2f}" if basis else f"{'':8}"
        first = f"{found['first_epoch_samples_per_second']:14.2f}"
        lines.append(
            f"{name:26}{first}{found['samples_per_second']:10.2f}{times}{found['memory'] / 2**20:8.1f} MiB"
            + (f"{100 * found['utilization']:7.1f} % MFU" if found["utilization"] else "")
            + (
                f"   ({100 * found['encoding_share_of_first']:.0f} % of the first epoch encoding)"
                if "cache" in name
                else ""
            )
        )
    return "\n".join(lines)


def machine() -> str:
    """Return what it was measured on."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
