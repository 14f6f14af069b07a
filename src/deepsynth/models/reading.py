"""How a batch goes through a DeepSeek-OCR model: pages to visual tokens, tokens into the prompt, prompt to a loss.

This is the forward pass of the official code with three changes that do not change its numbers: views are encoded in
pieces of bounded memory, a frozen encoder leaves no trace for the backward pass, and logits are made where labels are
(see `losses`). A mixin gives it to the model classes, so wrappers (mixed precision, distributed, PEFT) see one ordinary
`model(batch=...)` call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from deepsynth.core.errors import InputError
from deepsynth.core.geometry import MODES, Grid, Layout
from deepsynth.models.family import ModelOutput, Reduction
from deepsynth.models.losses import balance_loss, select_labels, summed_cross_entropy
from deepsynth.models.packing import PACKED, Packing

ATTENTION_NUMBERS_PER_PIECE = 2**30
"""Attention weights of one encoder call: SAM's global layers hold heads x patches^2 of them for each view."""


SMALL_WIDTH = 512
"""Decoder widths up to this run faster on a CPU without fused kernels."""


class ReadsPages:
    """Mixin for a DeepSeek-OCR class of transformers: `model(batch=...)` returns a `ModelOutput`."""

    layout: ClassVar[Layout]
    kernels_for: tuple[str, bool] | None = None
    """The kind of device, and whether rows are packed, that `choose_kernels` last chose for."""
    model: Any
    lm_head: Any
    config: Any
    set_attn_implementation: Callable[[str], None]

    def choose_kernels(self, device: str, *, packed: bool = False) -> None:
        """Set attention and experts to what is fastest for this size on this kind of device; a no-op when done before.

        A backward pass that computes inner values again must come before the kernels change, so batches of both kinds
        may follow one another but not be joined in one step.

        Measured on a CPU with nano (batch 64, bfloat16 autocast): plain attention and a loop over experts take 0.63 s a
        step, fused attention 0.70, grouped experts 0.81. At full size only the grouped kernel is usable: the loop makes
        a gradient of the whole expert tensor for every expert.
        """
        if self.kernels_for == (device, packed):
            return
        attention, experts = kernels(self.config.text_config.hidden_size, device)
        self.set_attn_implementation(attention)
        if packed:
            self.model.language_model.set_attn_implementation(PACKED)
        self.model.language_model.set_experts_implementation(experts)
        self.kernels_for = (device, packed)

    def assemble_pages(self, views: Tensor, tiles: Tensor | None, grids: Sequence[Grid]) -> list[Tensor]:
        """Put projected features in the order that the decoder reads; differs by version.

        *Shapes:* views (P, n, H), tiles (N, m, H).
        """
        raise NotImplementedError

    def decoder_mask(self, embeddings: Tensor, attention_mask: Tensor | None) -> Any:
        """Return the attention mask as the decoder takes it."""
        raise NotImplementedError

    def read(
        self,
        batch: Mapping[str, Any],
        *,
        reduction: Reduction = "sum",
        with_logits: bool = False,
        with_balance_loss: bool = False,
    ) -> ModelOutput:
        """Return loss and count for a right-padded or packed batch (see `ModelFamily.forward`)."""
        embeddings = prompt_embeddings(self, batch)
        packing = packing_of(batch)
        outputs = self.model.language_model(
            inputs_embeds=embeddings,
            use_cache=False,
            output_router_logits=with_balance_loss,
            **self._attention_keywords(embeddings, batch, packing, with_padding=with_balance_loss),
        )
        hidden = outputs.last_hidden_state
        loss, count = self._label_loss(hidden, batch.get("labels"), reduction)
        lengths = packing.lengths if packing else (embeddings.shape[1],) * len(embeddings)
        balance = self._balance_loss(outputs.router_logits, lengths) if with_balance_loss else None
        logits = self.lm_head(hidden) if with_logits else None
        return ModelOutput(loss=loss, num_label_tokens=count, logits=logits, balance_loss=balance)

    def _label_loss(self, hidden: Tensor, labels: Tensor | None, reduction: Reduction) -> tuple[Tensor | None, int]:
        if labels is None:
            return None, 0
        states, targets = select_labels(hidden, labels)
        loss = summed_cross_entropy(states, targets, self.lm_head, self.config.text_config.vocab_size)
        return (loss / max(1, len(targets)) if reduction == "mean" else loss), len(targets)

    def _attention_keywords(
        self, embeddings: Tensor, batch: Mapping[str, Any], packing: Packing | None, *, with_padding: bool
    ) -> dict[str, Any]:
        if packing:
            return packing.keywords(embeddings.device)
        # The balance term counts padding too, as upstream does, so there padding must see what it sees upstream.
        mask = batch["attention_mask"] if with_padding else padding_mask(batch["attention_mask"])
        return {"attention_mask": self.decoder_mask(embeddings, mask)}

    def _balance_loss(self, router_logits: Sequence[Tensor], lengths: Sequence[int]) -> Tensor:
        top_k = self.config.text_config.num_experts_per_tok
        return torch.stack([balance_loss(logits, lengths, top_k) for logits in router_logits]).sum()


def kernels(hidden_size: int, device: str) -> tuple[str, str]:
    """Return the names of attention and experts implementations for a decoder width on a kind of device."""
    return ("eager", "eager") if device == "cpu" and hidden_size <= SMALL_WIDTH else ("sdpa", "grouped_mm")


def padding_mask(attention_mask: Tensor) -> Tensor | None:
    """Return none for right padding, which a causal decoder never looks at, else the mask itself.

    Without a mask the fused attention kernels may run, and the outputs at real positions are the same.
    """
    return None if bool(attention_mask[:, 0].all()) else attention_mask


def packing_of(batch: Mapping[str, Any]) -> Packing | None:
    """Return where the examples of a packed batch lie; none for a padded one."""
    lengths = batch.get("packed_lengths")
    return None if lengths is None else Packing.of_row(lengths, batch["input_ids"].shape[1])


def prompt_embeddings(model: ReadsPages, batch: Mapping[str, Any]) -> Tensor:
    """Return the embedded ids with each placeholder replaced by its visual token.

    *Shape:* (B, T, hidden).

    Raises:
        InputError: a row's placeholders and visual tokens differ.
    """
    model.choose_kernels(batch["input_ids"].device.type, packed=batch.get("packed_lengths") is not None)
    embeddings = model.model.language_model.embed_tokens(batch["input_ids"])
    features = batch.get("page_features")
    if features is None:
        if not len(batch["global_views"]):
            return embeddings
        features = encode_pages(model, batch["global_views"], batch["tiles"], batch["grids"])
    check_rows(model, batch, features)
    if not features:
        return embeddings
    tokens = torch.cat(list(features)).to(embeddings.device, embeddings.dtype)
    return embeddings.masked_scatter(batch["image_token_mask"].unsqueeze(-1), tokens)


def encode_pages(model: ReadsPages, global_views: Tensor, tiles: Tensor | None, grids: Sequence[Grid]) -> list[Tensor]:
    """Return each page's visual tokens (see `ModelFamily.encode_pages`)."""
    views = _encode_views(model, global_views)
    return model.assemble_pages(views, None if tiles is None else _encode_views(model, tiles), grids)


def normalize(views: Tensor, dtype: torch.dtype) -> Tensor:
    """Return bytes as the encoder's input, (u / 255 - 0.5) / 0.5 rounded once to `dtype`; floats pass through."""
    if views.dtype != torch.uint8:
        return views.to(dtype)
    return views.to(torch.float32).div_(255).sub_(0.5).div_(0.5).to(dtype)


def _encode_views(model: ReadsPages, views: Tensor) -> Tensor:
    """Return projected features of views, which are pixels or, with three dimensions, what the encoder made of them."""
    projector = model.model.multi_modal_projector
    return projector(views.to(projector.weight.dtype) if views.ndim == 3 else encode_views(model, views))


def encode_views(model: ReadsPages, views: Tensor) -> Tensor:
    """Return what the vision encoder makes of views, before the projector.

    *Shapes:* views (P, 3, S, S); the result (P, tokens, encoder width).
    """
    tower, projector = model.model.vision_tower, model.model.multi_modal_projector
    frozen = not any(parameter.requires_grad for parameter in tower.parameters())
    if frozen:
        tower.eval()  # a frozen encoder must neither drop out nor be recomputed by activation checkpointing
    with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
        pieces = [
            tower(normalize(piece, projector.weight.dtype)).last_hidden_state
            for piece in views.split(_views_per_piece(model.config.vision_config.sam_config, views.shape[-1]))
        ]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


def _views_per_piece(sam_config: Any, size: int) -> int:
    patches = (size // sam_config.patch_size) ** 2
    return max(1, ATTENTION_NUMBERS_PER_PIECE // (sam_config.num_attention_heads * patches**2))


def check_rows(model: ReadsPages, batch: Mapping[str, Any], features: Sequence[Tensor]) -> None:
    """Compare each row's placeholders with the visual tokens of its pages.

    Raises:
        InputError: names the first row that differs, the mode and both counts.
    """
    counts: list[int] = batch["page_counts"].tolist()
    if sum(counts) != len(features):
        raise InputError(f"the batch counts {sum(counts)} pages but brings {len(features)}")
    placeholders = _placeholders(batch)
    start = 0
    for row, (count, expected) in enumerate(zip(counts, placeholders, strict=True)):
        tokens = sum(len(feature) for feature in features[start : start + count])
        if tokens != expected:
            name = batch["ids"][row] if "ids" in batch else row
            raise InputError(
                f"row {name!r} ({count} pages, {_mode_name(model, batch)}) has {expected} placeholders for {tokens}"
                " visual tokens; encode it with the processor of the same mode and model"
            )
        start += count


def _placeholders(batch: Mapping[str, Any]) -> list[int]:
    mask, lengths = batch["image_token_mask"], batch.get("packed_lengths")
    if lengths is None:
        return mask.sum(dim=1).tolist()
    return [int(part.sum()) for part in mask[0, : sum(lengths)].cpu().split(list(lengths))]


def _mode_name(model: ReadsPages, batch: Mapping[str, Any]) -> str:
    views, tiles = batch.get("global_views"), batch.get("tiles")
    if views is None or not len(views) or views.ndim == 3:
        return "cached visual tokens"
    size, tile = views.shape[-1], None if tiles is None else tiles.shape[-1]
    token_px = 4 * model.config.vision_config.sam_config.patch_size
    names = [
        mode.name
        for mode in MODES.values()
        if (mode.layout, mode.size, mode.token_px) == (model.layout, size, token_px) and tile in (None, mode.tile)
    ]
    return f"mode {' or '.join(names) or 'unknown'} of {size} pixels"
