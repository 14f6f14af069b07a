"""Settings of training: the root of the tree that flags, files, presets and checkpoints share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from deepsynth.core.config import Config
from deepsynth.data.config import AugmentationConfig, CacheConfig, DataConfig
from deepsynth.data.tasks import NEW_EACH_TIME
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

    name: Literal["adamw", "muon", "adamw8bit"] = "adamw"
    """AdamW; Muon for matrices beside it (learns reading in a third of the samples); or 8-bit AdamW (needs bitsandbytes)."""
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


class LoraConfig(Config):
    """Low-rank adapters: what learns instead of the model's own weights."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Columns of an adapter: more learn more and cost more."""
    alpha: int = Field(default=32, ge=1)
    """Adapters count `alpha / rank` times."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of an adapter's inputs that is dropped while training."""
    targets: Literal["attention", "attention+shared", "attention+experts", "all-linear"] = "attention"
    """Layers that get adapters; the routed experts make them over ten times as large."""
    base_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the frozen weights; bfloat16 halves their memory. Adapters are always in float32."""
    quantize_experts: bool = False
    """QLoRA: keep the frozen routed experts, most of the model, in 4 bits (nf4); they cannot have adapters then."""

    @model_validator(mode="after")
    def _experts_take_no_dropout(self) -> Self:
        if self.dropout and self.targets in ("attention+experts", "all-linear"):
            raise ValueError(
                f"adapters of fused experts take no dropout; set it to 0 or targets to other than {self.targets}"
            )
        return self

    @model_validator(mode="after")
    def _packed_experts_take_no_adapters(self) -> Self:
        if self.quantize_experts and self.targets in ("attention+experts", "all-linear"):
            raise ValueError(
                f"experts in 4 bits take no adapters; set quantize_experts to false or targets to other than {self.targets}"
            )
        return self


class TrackingConfig(Config):
    """Who else is told the metrics; metrics.jsonl in the run's folder always is."""

    trackers: tuple[str, ...] = ()
    """Programs by name: tensorboard, trackio, mlflow, wandb. Each must be installed."""
    project: str = "deepsynth"
    """Project or experiment under which they file the run."""
    run: str | None = None
    """Name of the run; else that of its folder."""


class HubConfig(Config):
    """Where checkpoints are pushed to while the run goes on; a push that fails is reported and changes nothing."""

    repository: str
    """Hub id, owner/name; it is made if need be. The token is the one that `hf auth login` or HF_TOKEN gives."""
    private: bool = True
    """Whether a repository that is made now is private."""
    every: int = Field(default=1, ge=1)
    """Push every so many checkpoints, and the last one."""
    wait_seconds: float = Field(default=600.0, ge=0)
    """How long the end of the run waits for a push that is still going on."""


class TrainerConfig(Config):
    """Everything that decides a training run."""

    model: str = "nano"
    """Model to start from: `nano` as it ships, `nano-untrained` or `tiny` with random weights, a folder, or a Hub id."""
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
    """Longest sequence in tokens, by default what the model can hold; longer summaries are cut, a longer prompt is an error."""
    batching: Literal["padded", "bucketed", "packed"] = "padded"
    """How examples share a batch: padded; padded with others of like length; or one behind the other without padding."""
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    """Whether matrix products run in bfloat16 or, with a scaled loss, in float16; weights and optimizer stay in float32."""
    weights: Literal["float32", "bfloat16"] = "float32"
    """Numbers of weights and gradients; with bfloat16, the way to speed on a GPU, the optimizer keeps float32 copies."""
    balance_loss: float = Field(default=0.0, ge=0, le=1)
    """Weight of the experts' balance loss; upstream trained with 0.001."""
    compile: bool = False
    """Compile the decoder's layers: pays on a GPU after the first minutes, never in a short run."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """How several processes share the work: each with the whole model, or with weights and optimizer in shards (FSDP2)."""
    freeze: tuple[str, ...] = ("sam", "clip")
    """Parts that do not learn; by default the vision encoder."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""
    gradient_checkpointing: bool = False
    """Compute a layer's inner values again in the backward pass instead of keeping them: less memory, a third slower."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Keep a moving average of the weights too; evaluation uses it, and the run ends with it in `averaged`."""
    early_stopping: int | None = Field(default=None, ge=1)
    """End the run after so many evaluations in a row without a better loss; needs `eval_interval`."""
    seed: int = 0
    """Decides initial weights, order of examples and everything else that is random."""
    log_interval: int = Field(default=10, ge=1)
    """Optimizer steps between two lines of metrics.jsonl."""
    save_interval: int = Field(default=500, ge=1)
    """Optimizer steps between two checkpoints; one more is saved at the end."""
    eval_interval: int | None = Field(default=None, ge=1)
    """Optimizer steps between two measurements of the loss on the evaluation split; none never measures."""
    eval_samples: int = Field(default=0, ge=0, le=100)
    """Summaries of the evaluation split's first rows to write into samples.jsonl at each evaluation."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints to keep; the one with the best evaluation loss stays as well."""
    rendering: RenderConfig = RenderConfig()
    """How pages are drawn, where nothing of it is given: as those of the dataset; its mode is also the encoder's."""
    data: DataConfig = DataConfig()
    """What is read."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How weights move."""
    lora: LoraConfig | None = None
    """Learn adapters with these settings instead of the model's own weights."""
    augmentation: AugmentationConfig | None = None
    """Change pages while training as these settings say; none leaves them as they are."""
    cache: CacheConfig | None = None
    """Read every page once with the frozen encoder and keep its visual tokens; training then never loads the encoder."""
    tracking: TrackingConfig = TrackingConfig()
    """Who else is told the metrics."""
    hub: HubConfig | None = None
    """Push checkpoints to the Hub in the background."""

    def completed(self) -> Self:
        """Draw pages as the dataset's are drawn, where nothing is said about drawing."""
        drawn = None if "rendering" in self.model_fields_set else self.data.drawn()
        return self if drawn is None else self.override({"rendering": drawn.model_dump()})

    @field_validator("freeze")
    @classmethod
    def _known_parts(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        _check_parts(parts)
        return parts

    @model_validator(mode="after")
    def _stopping_needs_evaluation(self) -> Self:
        if self.early_stopping is not None and self.eval_interval is None:
            raise ValueError("early_stopping looks at evaluations; set eval_interval as well")
        if self.eval_samples and self.eval_interval is None:
            raise ValueError("eval_samples are written at evaluations; set eval_interval as well")
        return self

    @model_validator(mode="after")
    def _numbers_fit_together(self) -> Self:
        if self.weights == "bfloat16" and self.mixed_precision != "no":
            raise ValueError("weights in bfloat16 need no mixed precision; leave mixed_precision at no")
        if self.weights == "bfloat16" and self.lora is not None:
            raise ValueError("adapters learn in float32; the weights beside them are set by lora.base_dtype")
        if self.mixed_precision == "fp16" and self.parallel == "fsdp":
            raise ValueError("fp16 scales the loss, which FSDP's shards do not know; take bf16, or weights in bfloat16")
        return self

    @model_validator(mode="after")
    def _cache_fits(self) -> Self:
        if self.cache is None:
            return self
        if self.lora is None and not {"sam", "clip"} <= set(self.freeze):
            raise ValueError("the cache of visual tokens needs a frozen encoder: freeze sam and clip")
        if self.cache.features == "projected" and self.lora is None and "projector" not in self.freeze:
            raise ValueError("cached projected features need a frozen projector: freeze it, or cache encoder outputs")
        cropped = self.data.longest_text is not None and set(self.data.tasks) != {"summarize"}
        if cropped or set(self.data.tasks) & set(NEW_EACH_TIME):
            raise ValueError("pages of these tasks are others in each epoch (random, shuffled, longest_text): no cache")
        return self
