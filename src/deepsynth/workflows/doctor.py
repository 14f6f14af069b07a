"""The `doctor` verb: what this machine has, what a model is made of, and what a dataset's labels teach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsynth.core.config import Config
from deepsynth.core.progress import Reporter

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


class DoctorConfig(Config):
    """What is examined."""

    model: str | None = None
    """Checkpoint, model folder, Hub id or built-in size to examine."""
    data: Path | None = None
    """Dataset that `deepsynth prepare` wrote: one example is shown as the model learns it (needs `model`)."""
    freeze: tuple[str, ...] = ("sam", "clip")
    """Parts that would be frozen, for the table of parameters."""
    text: str | None = None
    """A text in your language: how many tokens it takes (needs `model`)."""


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
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None
    return "\n".join(
        [
            f"  {platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} processors",
            f"  memory {'unknown' if memory is None else f'{memory:.1f} GiB'}, free disk here {free:.1f} GiB",
            f"  accelerator: {_accelerator()}",
            f"  apt (for the debian source): {'yes' if shutil.which('apt-get') else 'no; copy package lists instead'}",
        ]
    )


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
    from deepsynth.inference.summarizer import load_any, stored_rendering, usual_rendering
    from deepsynth.training.model_utils import freeze_parts, print_parameter_summary

    assert config.model is not None
    loaded = load_any(config.model)
    rendering = stored_rendering(config.model) or usual_rendering(loaded)
    if config.freeze:
        freeze_parts(loaded.model, config.freeze)
    modes = ", ".join(loaded.family.modes(loaded.model))
    findings = {
        f"Model {config.model} ({loaded.family.name}; modes {modes})": print_parameter_summary(loaded.model)
        + f"\n\n{memory_table(loaded.model)}"
    }
    processor = loaded.family.processor(loaded, rendering.mode)
    if config.text is not None:
        tokens = processor.count_text_tokens(config.text)
        ratio = len(config.text) / max(1, tokens)
        findings["Your text"] = f"  {len(config.text)} characters are {tokens} tokens ({ratio:.2f} characters a token)"
    if config.data is not None:
        findings["What a label teaches"] = labels(processor, config.data, rendering)
    return findings


def memory_table(model: Any) -> str:
    """Return what weights, gradients and AdamW's moments take in float32, without activations."""
    total = sum(parameter.numel() for parameter in model.parameters())
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    weights, moving = 4 * total / 2**20, 4 * learning / 2**20
    return (
        f"float32: weights {weights:,.1f} MiB, gradients {moving:,.1f} MiB, AdamW moments {2 * moving:,.1f} MiB;"
        " activations come on top"
    )


def labels(processor: Any, data: Path, rendering: Any) -> str:
    """Return one example decoded: the prompt, which teaches nothing, and the tokens that are learned."""
    from deepsynth.core.processor import IGNORED
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import PreparedDataset, TaskExamples

    rows = TaskExamples(PreparedDataset(data).split("train"), DataConfig(path=data), rendering)
    encoded = processor.encode(rows[0])
    learned = encoded.labels[encoded.labels != IGNORED]
    prompt = encoded.input_ids[(encoded.labels == IGNORED) & ~encoded.image_token_mask]
    ends = "and ends with EOS" if learned[-1] == processor.eos_token_id else "and was cut before EOS"
    return (
        f"  row {encoded.id}: {int(encoded.image_token_mask.sum())} visual tokens, then the prompt"
        f" {processor.decode(prompt)!r} (not learned),\n  then {len(learned)} tokens that are learned:"
        f" {processor.decode(learned)!r} {ends}"
    )
