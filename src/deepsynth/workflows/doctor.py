"""The `doctor` verb: what this machine has, what a model is made of, and what a dataset's labels teach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.progress import Reporter
from deepsynth.workflows.presets import PRESETS, ROOM, peak

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
SAMPLED = 200
"""Rows of a dataset that the tokenizer is tried on."""
PLANNED = ("weights", "optimizer", "gradients", "activations", "logits", "encoding")
EXTRAS = {"web": "fastapi", "data": "zstandard", "gpu": "bitsandbytes", "postgres": "pg8000"}


class DoctorConfig(Config):
    """What is examined."""

    model: str | None = None
    """Checkpoint, model folder, Hub id or built-in size to examine; `full` and `deepseek_ocr2:full` need no weights."""
    data: Path | None = None
    """Dataset that `deepsynth prepare` wrote: one example is shown as the model learns it (needs `model`)."""
    freeze: tuple[str, ...] = ("sam", "clip")
    """Parts that would be frozen, for the table of parameters and the plan of full training."""
    text: str | None = None
    """A text in your language: how well the tokenizer covers it (needs `model`)."""
    mode: str | None = None
    """Mode of the pages in the plan; by default the one that the model is used with."""
    batch_size: int = Field(default=8, ge=1)
    """Rows of a batch in the plan, of one page each."""
    max_length: int | None = Field(default=None, ge=16)
    """Tokens of a row in the plan; by default those of a page and 300 more."""
    rank: int = Field(default=16, ge=1)
    """Rank of the adapters in the plan."""
    gradient_checkpointing: bool = False
    """Whether the plan computes inner values again instead of keeping them."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Checkpoints kept, for the plan of the disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorResult:
    """Findings by heading."""

    findings: Mapping[str, str]

    def describe(self) -> str:
        """Return every heading with what was found."""
        return "\n\n".join(f"{heading}\n{text}" for heading, text in self.findings.items())


def run(config: DoctorConfig, reporter: Reporter) -> DoctorResult:
    """Examine the machine and, where they are named, a model and a dataset.

    Raises:
        DeepSynthError: the model or the dataset cannot be read.
    """
    findings = {"Machine": machine(), "Packages": packages()}
    if config.model is not None:
        reporter.message(f"reading {config.model}")
        findings |= _model(config)
    return DoctorResult(findings=findings)


def machine() -> str:
    """Return processor, memory, disk, accelerator and apt."""
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    memory = _memory()
    return "\n".join(
        [
            f"  {platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} processors",
            f"  memory {'unknown' if memory is None else f'{memory / 2**30:.1f} GiB'}, free disk here {free:.1f} GiB",
            f"  accelerator: {_accelerator()}",
            f"  apt (for the debian source): {'yes' if shutil.which('apt-get') else 'no; copy package lists instead'}",
        ]
    )


def _memory() -> int | None:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None


def _accelerator() -> str:
    import importlib

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


def _model(config: DoctorConfig) -> dict[str, str]:
    from deepsynth.inference.summarizer import stored_rendering, usual_rendering
    from deepsynth.training.model_utils import freeze_parts, print_parameter_summary

    assert config.model is not None
    loaded = load_model(config.model)
    rendering = stored_rendering(config.model) or usual_rendering(loaded)
    if config.mode is not None:
        rendering = rendering.override({"mode": config.mode})
    if config.freeze:
        freeze_parts(loaded.model, config.freeze)
    modes = ", ".join(loaded.family.modes(loaded.model))
    findings = {
        f"Model {config.model} ({loaded.family.name}; modes {modes})": print_parameter_summary(loaded.model),
        f"Plan: batch {config.batch_size}, mode {rendering.mode}": plan_table(loaded, config, rendering.mode),
        f"Presets of training, mode {rendering.mode}": preset_table(loaded, rendering.mode),
    }
    if config.text is not None or config.data is not None:
        findings |= _tokens(loaded, config, rendering)
    return findings


def load_model(name: str) -> Any:
    """Return a built-in size, of any family when its name stands before a colon, else what the name leads to.

    The published size comes without memory (on the meta device): it is looked at, not run.
    """
    from deepsynth.inference.summarizer import load_any
    from deepsynth.models import families

    family, _, size = name.rpartition(":")
    family = family or "deepseek_ocr"
    known = family in families.names() and (size == "full" or ":" in name)
    return families.get(family).build(size) if known else load_any(name)


def _tokens(loaded: Any, config: DoctorConfig, rendering: Any) -> dict[str, str]:
    """Return how the tokenizer takes a text and a dataset's summaries, and what a label teaches."""
    from deepsynth.models.coverage import coverage

    processor = loaded.family.processor(loaded, rendering.mode)
    findings: dict[str, str] = {}
    if config.text is not None:
        findings["Your text"] = f"  {coverage(loaded.tokenizer, [config.text]).describe()}"
    if config.data is not None:
        findings["Summaries of the dataset, by language"] = languages(loaded.tokenizer, config.data)
        findings["What a label teaches"] = labels(processor, config.data, rendering)
    return findings


def plan_table(loaded: Any, config: DoctorConfig, mode_name: str) -> str:
    """Return memory by purpose for full training, LoRA and QLoRA, and what they leave on the disk."""
    from deepsynth.core.geometry import mode
    from deepsynth.training.config import TrainerConfig
    from deepsynth.training.planning import plan_training

    page = mode(mode_name)
    length = config.max_length or page.tokens() + ROOM
    common = {
        "batch_size": config.batch_size,
        "gradient_checkpointing": config.gradient_checkpointing,
        "keep_checkpoints": config.keep_checkpoints,
    }
    ways: dict[str, dict[str, Any]] = {
        "full, float32": {"freeze": config.freeze},
        "full, bf16 autocast": {"freeze": config.freeze, "mixed_precision": "bf16"},
        "LoRA, bfloat16": {"lora": {"rank": config.rank, "base_dtype": "bfloat16"}},
        "QLoRA": {"lora": {"rank": config.rank, "base_dtype": "bfloat16", "quantize_experts": True}},
    }
    device, room = place()
    lines = [f"  {'':20}" + "".join(f"{name:>12}" for name in (*PLANNED, "peak", "checkpoint"))]
    for name, values in ways.items():
        plan = plan_training(
            loaded.model,
            loaded.family,
            TrainerConfig.parse({**common, **values}),
            page,
            length=length,
            label_tokens=min(length, ROOM),
            device=device,
        )
        sizes = [*(getattr(plan, purpose) for purpose in PLANNED), plan.peak, plan.checkpoint]
        lines.append(f"  {name:20}" + "".join(f"{_size(size):>12}" for size in sizes) + _verdict(plan.peak, room))
        disk = _size(plan.checkpoints)
        lines[-1] += f", {disk} of checkpoints at once"
    cached = page.tokens() * _hidden(loaded) * 2
    return "\n".join(
        [
            *lines,
            f"  rows of {length} tokens; the peak is weights, optimizer and the largest of encoding, activations with logits,"
            " and gradients (docs/guides/planning.md)",
            f"  a page is {page.tokens()} visual tokens: {_size(cached * 1000)} for a thousand cached pages in bfloat16",
        ]
    )


def preset_table(loaded: Any, mode_name: str) -> str:
    """Return what training this model takes with each preset, and what the preset is for."""
    device, room = place()
    lines: list[str] = []
    for name, preset in PRESETS.items():
        planned = peak(loaded.model, loaded.family, name, mode_name, device)
        lines.append(f"  {name:20}{_size(planned):>12}{_verdict(planned, room)}: {preset.sentence}")
    return "\n".join(lines)


def _verdict(planned: int, room: int | None) -> str:
    return "" if room is None else "  fits here" if planned < room else "  DOES NOT FIT here"


def _hidden(loaded: Any) -> int:
    from deepsynth.models.parts import unwrap

    return unwrap(loaded.model).config.text_config.hidden_size


def place() -> tuple[Any, int | None]:
    """Return the kind of device that would train here, and its memory."""
    import importlib

    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available():
        return "cuda", int(torch.cuda.get_device_properties(0).total_memory)
    return "cpu", _memory()


def _size(count: float) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def languages(tokenizer: Any, data: Path) -> str:
    """Return the tokenizer's coverage of a dataset's summaries, one line a language."""
    from deepsynth.data.prepared import PreparedDataset
    from deepsynth.models.coverage import coverage

    texts: dict[str, list[str]] = {}
    for row in itertools.islice(PreparedDataset(data).split("train").rows(), SAMPLED):
        texts.setdefault(row.language, []).append(row.summary or row.text)
    return "\n".join(f"  {name}: {coverage(tokenizer, some).describe()}" for name, some in sorted(texts.items()))


def labels(processor: Any, data: Path, rendering: Any) -> str:
    """Return one example token by token: the prompt, which teaches nothing, and what is learned."""
    from deepsynth.core.processor import IGNORED
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import PreparedDataset, TaskExamples

    rows = TaskExamples(PreparedDataset(data).split("train"), DataConfig(path=data), rendering)
    encoded = processor.encode(rows[0])
    learned = encoded.labels != IGNORED
    prompt = encoded.input_ids[~learned & ~encoded.image_token_mask]
    answer = encoded.labels[learned]
    ends = "and ends with EOS" if answer[-1] == processor.eos_token_id else "and was cut before EOS"
    shown = " ".join(
        f"{'+' if teaches else '-'}{'EOS' if token == processor.eos_token_id else repr(processor.decode([token]))}"
        for token, teaches, visual in zip(encoded.input_ids, learned, encoded.image_token_mask, strict=True)
        if not visual
    )
    return (
        f"  row {encoded.id}: {int(encoded.image_token_mask.sum())} visual tokens, then the prompt"
        f" {processor.decode(prompt)!r} (not learned),\n  then {len(answer)} tokens that are learned:"
        f" {processor.decode(answer)!r} {ends}\n  token by token without the visual ones (+ learned, - not): {shown}"
    )
