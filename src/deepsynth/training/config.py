"""Settings of training: the root of the tree that flags, files, presets and checkpoints share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from deepsynth.core.config import Config
from deepsynth.data.config import DataConfig
from deepsynth.rendering.config import RenderConfig

PARTS = (
    *("sam", "clip", "projector", "embeddings", "attention", "router"),
    *("experts", "shared_experts", "dense", "norms", "head"),
)
"""Parts of a model that can be frozen or given their own learning rate."""


def _check_parts(names: tuple[str, ...] | dict[str, float]) -> None:
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        raise ValueError(f"no part {', '.join(unknown)}; known: {', '.join(PARTS)}")


class OptimizerConfig(Config):
    """How weights move."""

    name: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for matrices and AdamW for the rest (learns reading in a third of the samples)."""
    learning_rate: float = Field(default=2e-5, gt=0, le=1)
    """Peak rate of AdamW."""
    muon_learning_rate: float = Field(default=0.02, gt=0, le=1)
    """Peak rate of Muon, for matrices; used when `name` is muon."""
    part_rates: dict[str, float] = Field(default_factory=dict)
    """Factors on the rates by part of the model, for example `projector: 0.1`."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Decoupled weight decay of AdamW."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Moments of AdamW."""
    schedule: Literal["constant", "linear", "cosine", "wsd"] = "cosine"
    """How the rates fall after warm-up; wsd holds them and falls linearly over the last `decay_share`."""
    warmup_steps: int = Field(default=50, ge=0)
    """Optimizer steps over which the rates rise from zero; never more than a tenth of all."""
    decay_share: float = Field(default=0.35, ge=0, le=1)
    """Share of the steps in which wsd falls to zero."""

    @field_validator("part_rates")
    @classmethod
    def _known_parts(cls, rates: dict[str, float]) -> dict[str, float]:
        _check_parts(rates)
        if any(rate < 0 for rate in rates.values()):
            raise ValueError("rates of parts must not be negative; freeze a part with `freeze`")
        return rates


class TrainerConfig(Config):
    """Everything that decides a training run."""

    model: str = "nano"
    """Model to start from: `nano`, `tiny`, a folder, or a Hub id."""
    output_dir: Path = Path("runs/train")
    """Folder of the run: settings, metrics, checkpoints. Running again continues from the newest whole checkpoint."""
    batch_size: int = Field(default=8, ge=1)
    """Examples a device reads at once."""
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    """Batches joined into one optimizer step; the loss is divided by the label tokens of all of them."""
    num_epochs: int = Field(default=1, ge=1)
    """Passes over the training split."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps after which training ends, whatever the epochs say."""
    max_length: int | None = Field(default=None, ge=16)
    """Longest sequence in tokens; longer summaries are cut, a longer prompt is an error."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """Whether matrix products run in bfloat16; weights and optimizer stay in float32."""
    freeze: tuple[str, ...] = ("sam", "clip")
    """Parts that do not learn; by default the vision encoder."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""
    seed: int = 0
    """Decides initial weights, order of examples and everything else that is random."""
    log_interval: int = Field(default=10, ge=1)
    """Optimizer steps between two lines of metrics.jsonl."""
    save_interval: int = Field(default=500, ge=1)
    """Optimizer steps between two checkpoints; one more is saved at the end."""
    eval_interval: int | None = Field(default=None, ge=1)
    """Optimizer steps between two measurements of the loss on the evaluation split; none never measures."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints to keep; the one with the best evaluation loss stays as well."""
    rendering: RenderConfig = RenderConfig()
    """How pages are drawn; its mode is also the encoder's."""
    data: DataConfig = DataConfig()
    """What is read."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How weights move."""

    @field_validator("freeze")
    @classmethod
    def _known_parts(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        _check_parts(parts)
        return parts
