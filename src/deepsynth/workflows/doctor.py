"""The `doctor` verb: what this machine has, what a model is made of, and what a dataset's labels teach."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter
from deepsynth.workflows.machine import machine, packages
from deepsynth.workflows.plan_tables import plan_table, preset_table

SAMPLED = 200
"""Rows of a dataset that the tokenizer is tried on."""


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
        InputError: a text or a dataset was named without the model whose tokenizer is to be tried on it.
        DeepSynthError: the model or the dataset cannot be read.
    """
    for field in ("data", "text"):
        if config.model is None and getattr(config, field) is not None:
            raise InputError(f"{field} is examined with a model's tokenizer; name one with --model", field=field)
    findings = {"Machine": machine(), "Packages": packages()}
    if config.model is not None:
        reporter.message(f"reading {config.model}")
        findings |= _model(config)
    return DoctorResult(findings=findings)


def _model(config: DoctorConfig) -> dict[str, str]:
    from deepsynth.inference.loading import usual_rendering
    from deepsynth.inference.stored import stored_rendering
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
        f"Plan: batch {config.batch_size}, mode {rendering.mode}": _plan(loaded, config, rendering.mode),
        f"Presets of training, mode {rendering.mode}": preset_table(loaded, rendering.mode),
    }
    if config.text is not None or config.data is not None:
        findings |= _tokens(loaded, config, rendering)
    return findings


def _plan(loaded: Any, config: DoctorConfig, mode_name: str) -> str:
    same = ("batch_size", "gradient_checkpointing", "keep_checkpoints")
    return plan_table(
        loaded,
        mode_name,
        {name: getattr(config, name) for name in same},
        freeze=config.freeze,
        rank=config.rank,
        max_length=config.max_length,
    )


def load_model(name: str) -> Any:
    """Return a built-in size, of any family when its name stands before a colon, else what the name leads to.

    The published size comes without memory (on the meta device): it is looked at, not run.
    """
    from deepsynth.inference.loading import load_any
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
