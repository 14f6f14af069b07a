"""What a training run will take, before it is started: memory by purpose, and disk.

At its peak a step holds the weights and the optimizer's moments, and beside them the largest of three: what encoding the
pages needs for a moment; the activations kept for the backward pass with one piece of logits; or, when the backward pass is
over, all gradients with the optimizer's scratch. The numbers kept a token were counted in transformers' layers with hooks on
what autograd saves (H hidden, I inner, k experts a token, S inner of shared experts, D inner of the dense layer):

    layer                   trained                     frozen beside adapters
    attention and norms     10.5 H (bf16: 12.5 H)       6.5 H (bf16: 8.5 H)
    dense                   4 D                         3 D
    experts                 k (2 H + 4 I) + 4 S         k (H + 3 I) + 3 S      (bf16: k (2.75 H + ...), k (1.1 H + ...))

With checkpointing H numbers a layer remain, and one layer's worth of the above while it is computed again.
docs/guides/planning.md says how well this agrees with measured peaks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from deepsynth.core.geometry import Mode
from deepsynth.models.family import ModelFamily
from deepsynth.models.four_bit import BITS
from deepsynth.models.losses import LOGITS_PER_PIECE
from deepsynth.models.parts import count_parameters, unwrap
from deepsynth.models.reading import ATTENTION_NUMBERS_PER_PIECE, kernels
from deepsynth.training.config import LoraConfig, TrainerConfig

FLOAT, HALF = 4, 2
"""Bytes of a number in float32 and in bfloat16."""
MOMENTS = {"adamw": 2 * FLOAT, "muon": FLOAT, "adamw8bit": 2 + 2 * FLOAT / 256}
"""Bytes of an optimizer's state a parameter: Muon keeps one number, 8-bit AdamW two bytes and two scales a block of 256."""
ENCODER_PARTS = ("sam", "clip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Bytes by purpose."""

    trained: int
    """Parameters that learn."""
    weights: int
    optimizer: int
    """Moments, float32 copies of coarser weights, and the average, where there is one."""
    gradients: int
    scratch: int
    """What the optimizer's step needs beside the gradients."""
    activations: int
    logits: int
    encoding: int
    """What the frozen encoder needs while it runs."""
    checkpoint: int
    """One checkpoint on disk."""
    checkpoints: int
    """Those that a run keeps at once, one being written included."""

    @property
    def peak(self) -> int:
        """The greatest memory of a step."""
        return (
            self.weights
            + self.optimizer
            + max(self.encoding, self.activations + self.logits, self.gradients + self.scratch)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The numbers of a decoder that decide its memory."""

    hidden: int
    inner: int
    shared: int
    dense: int
    experts: int
    per_token: int
    dense_layers: int
    sparse_layers: int
    heads: int
    vocabulary: int

    @classmethod
    def of(cls, text: Any) -> Shape:
        """Take the shape from a decoder's settings."""
        kinds = list(text.mlp_layer_types)
        return cls(
            hidden=text.hidden_size,
            inner=text.moe_intermediate_size,
            shared=text.moe_intermediate_size * (text.n_shared_experts or 0),
            dense=text.intermediate_size,
            experts=text.n_routed_experts,
            per_token=text.num_experts_per_tok,
            dense_layers=kinds.count("dense"),
            sparse_layers=kinds.count("sparse"),
            heads=text.num_attention_heads,
            vocabulary=text.vocab_size,
        )


def plan_training(
    model: nn.Module,
    family: ModelFamily,
    config: TrainerConfig,
    mode: Mode,
    *,
    length: int,
    views: int | None = None,
    tiles: int = 0,
    label_tokens: int = 128,
    device: Literal["cpu", "cuda"] = "cuda",
) -> Plan:
    """Return what training `model` takes; it may be on the meta device.

    `length` is that of a row in tokens, pages included; `views` and `tiles` are pages and tiles of a batch (one page a row).
    """
    shape = Shape.of(unwrap(model).config.text_config)
    counts, lora = _counts(model, config), config.lora
    size = HALF if (config.weights if lora is None else lora.base_dtype) == "bfloat16" else FLOAT
    compute = HALF if config.mixed_precision == "bf16" else size
    attention, _ = kernels(shape.hidden, device)
    if lora is None:
        trained, weights = (
            sum(n for part, n in counts.items() if part not in config.freeze),
            sum(counts.values()) * size,
        )
    else:
        trained = adapter_parameters(model, family, lora)
        weights = _frozen_weights(counts, lora, size) + trained * FLOAT
    row = per_token(shape, compute, lora, eager_length=length if attention == "eager" else 0, experts_size=size)
    tokens = config.batch_size * length
    encoder = Encoder.of(unwrap(model).config.vision_config.sam_config, compute, attention)
    pages = config.batch_size if views is None else views
    piece = min(config.batch_size * label_tokens, max(1, LOGITS_PER_PIECE // shape.vocabulary))
    optimizer = round(trained * _optimizer_bytes(config))
    saved = trained * FLOAT if lora else sum(count_parameters(model).values()) * size  # with the encoder, cached or not
    return Plan(
        trained=trained,
        weights=weights,
        optimizer=optimizer,
        gradients=trained * FLOAT,
        scratch=0 if device == "cpu" else trained * FLOAT,
        activations=_kept(shape, row, tokens, compute, checkpointing=config.gradient_checkpointing)
        + _expert_copies(shape, lora, size, checkpointing=config.gradient_checkpointing)
        + (
            compute * (sum(counts.values()) - counts["experts"]) if compute < size else 0
        ),  # autocast's copies of weights
        logits=piece * shape.vocabulary * 3 * FLOAT,  # log-probabilities, their gradient, and that of the logits
        encoding=max(encoder.bytes_for(pages, mode.size), encoder.bytes_for(tiles, mode.tile or 0))
        if config.cache is None
        else 0,
        checkpoint=saved + optimizer,
        checkpoints=(saved + optimizer) * (config.keep_checkpoints + 2),
    )


def adapter_parameters(model: nn.Module, family: ModelFamily, lora: LoraConfig) -> int:
    """Return the parameters that LoRA adds."""
    targets, root = family.lora_targets(lora.targets), unwrap(model)
    pattern = re.compile(targets.target_modules)
    sides = [
        module.in_features + module.out_features
        for name, module in root.named_modules()
        if isinstance(module, nn.Linear) and pattern.fullmatch(name)
    ]
    stacks = [
        value.shape[0] * (value.shape[1] + value.shape[2])
        for name, value in root.named_parameters()
        if name.endswith(targets.target_parameters)
    ]
    return lora.rank * (sum(sides) + sum(stacks))


@dataclass(frozen=True, slots=True)
class PerToken:
    """Bytes that a token keeps for the backward pass in a layer of each kind."""

    dense: float
    sparse: float


def per_token(
    shape: Shape, size: int, lora: LoraConfig | None, *, eager_length: int = 0, experts_size: int | None = None
) -> PerToken:
    """Return what a token keeps in a layer, in numbers of `size` bytes.

    `eager_length` is the length of a row where attention is not fused; autocast leaves grouped experts in their weights' type,
    which `experts_size` gives.
    """
    half = size == HALF
    base = (10.5 + 2 * half if lora is None else 6.5 + 2 * half) * shape.hidden + 2 * shape.heads * eager_length
    experts_learn = lora is None or lora.targets in ("attention+experts", "all-linear")
    pair = (2 + 0.75 * half if experts_learn else 1 + 0.1 * half) * shape.hidden + (
        4 if experts_learn else 3
    ) * shape.inner
    plain = 4 if lora is None else 3
    dense = size * (base + plain * shape.dense)
    sparse = size * (base + plain * shape.shared) + (experts_size or size) * shape.per_token * pair
    if lora is None:
        return PerToken(dense, sparse)
    copied = 2 if half else 1  # adapters are in float32, so each keeps a copy of its inputs in it
    attention = FLOAT * (2 * copied * shape.hidden + 4 * lora.rank)
    inputs = 0 if lora.targets in ("attention", "attention+experts") else FLOAT
    return PerToken(
        dense + attention + inputs * (copied * shape.hidden + shape.dense + 3 * lora.rank),
        sparse + attention + inputs * (copied * shape.hidden + shape.shared + 3 * lora.rank),
    )


@dataclass(frozen=True, slots=True)
class Encoder:
    """What decides the memory of SAM, the larger of the two encoders, while it runs without a backward pass."""

    width: int
    heads: int
    patch: int
    window: int
    has_global: bool
    size: int
    copies: int
    """Attention-sized tensors alive at once, in numbers of `size` bytes."""

    @classmethod
    def of(cls, sam: Any, size: int, attention: str) -> Encoder:
        """Take it from SAM's settings."""
        copies = 2 if attention == "sdpa" else 3 * FLOAT // size if size == FLOAT else 6
        has_global = len(sam.global_attn_indexes) > 0
        return cls(sam.hidden_size, sam.num_attention_heads, sam.patch_size, sam.window_size, has_global, size, copies)

    def bytes_for(self, views: int, pixels: int) -> int:
        """Return what encoding so many square views takes, done in pieces as `deepsynth.models.reading` does."""
        if not views or not pixels:
            return 0
        patches = (pixels // self.patch) ** 2
        together = min(views, max(1, ATTENTION_NUMBERS_PER_PIECE // (self.heads * patches**2)))
        span = patches if self.has_global else self.window**2
        numbers = patches * (self.copies * self.heads * span + 12 * self.width)
        return together * self.size * numbers


def _counts(model: nn.Module, config: TrainerConfig) -> dict[str, int]:
    """Return parameters by part, without those that a run on cached visual tokens never loads."""
    counts = count_parameters(model)
    return {part: 0 if config.cache and part in ENCODER_PARTS else count for part, count in counts.items()}


def _optimizer_bytes(config: TrainerConfig) -> float:
    """Return the bytes that go with each parameter that learns: moments, a float32 copy of a coarser weight, an average."""
    copies = int(config.weights == "bfloat16") + int(config.ema_decay is not None)
    return MOMENTS[config.optimizer.name] + copies * FLOAT


def _frozen_weights(counts: Mapping[str, int], lora: LoraConfig, size: int) -> int:
    experts = counts["experts"]
    packed = experts * BITS / 8 if lora.quantize_experts else experts * size
    return round((sum(counts.values()) - experts) * size + packed)


def _kept(shape: Shape, row: PerToken, tokens: int, size: int, *, checkpointing: bool) -> int:
    """Return the activations of all layers: kept, or computed again one layer at a time."""
    around = 3 * shape.hidden * size
    layers = shape.dense_layers + shape.sparse_layers
    if not checkpointing:
        kept = shape.dense_layers * row.dense + shape.sparse_layers * row.sparse
        return round(tokens * (kept + around))
    return round(tokens * (layers * shape.hidden * size + max(row.dense, row.sparse) + around))


def _expert_copies(shape: Shape, lora: LoraConfig | None, size: int, *, checkpointing: bool) -> int:
    """Return what unpacked or adapted experts take: adapters on them make a changed copy of every stack they touch."""
    stack = 3 * shape.experts * shape.inner * shape.hidden * size
    if lora is None:
        return 0
    if lora.quantize_experts:
        return stack
    adapted = lora.targets in ("attention+experts", "all-linear")
    return stack * (1 if checkpointing else shape.sparse_layers) + stack if adapted else 0
