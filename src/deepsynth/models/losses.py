"""Cross-entropy where labels are, and nowhere else.

A prompt of visual tokens is long and teaches nothing, yet logits for it would be the largest tensor of a step: 573
positions x 129,280 words in float32 are 296 MB a sample. So the hidden states that predict a label are picked out
first, and the head runs on them alone, in pieces whose logits are thrown away and made again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from deepsynth.core.processor import IGNORED

LOGITS_PER_PIECE = 2**26
"""Numbers in one piece of logits: 256 MiB in float32."""


def select_labels(hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the hidden states that predict a label, with those labels: position t predicts the label at t + 1.

    *Shapes:* hidden (B, T, H), labels (B, T); results (N, H) and (N,).
    """
    targets = labels[:, 1:]
    chosen = targets != IGNORED
    return hidden[:, :-1][chosen], targets[chosen]


def summed_cross_entropy(hidden: Tensor, targets: Tensor, head: nn.Module, vocabulary: int) -> Tensor:
    """Return the cross-entropy summed over all targets, in float32.

    *Shapes:* hidden (N, H), targets (N,).
    """
    piece = max(1, LOGITS_PER_PIECE // vocabulary)
    if len(targets) <= piece:
        return _piece_loss(hidden, targets, head)
    pairs = zip(hidden.split(piece), targets.split(piece), strict=True)
    losses = [checkpoint(_piece_loss, states, wanted, head, use_reentrant=False) for states, wanted in pairs]
    return torch.stack(losses).sum()


def _piece_loss(hidden: Tensor, targets: Tensor, head: nn.Module) -> Tensor:
    return functional.cross_entropy(head(hidden).float(), targets, reduction="sum")


def balance_loss(router_logits: Tensor, lengths: Sequence[int], top_k: int) -> Tensor:
    """Return one layer's sequence-level balance term: how far experts are from an equal share, mean over sequences.

    Upstream: `MoEGate` of DeepSeek-V2 with `seq_aux`; it counts padding too, and scales by 0.001.

    *Shape:* router_logits (tokens, experts), the sequences one behind the other; lengths holds their tokens.
    """
    scores = router_logits.float().softmax(dim=-1)
    experts, count = scores.shape[-1], len(lengths)
    size = torch.tensor(lengths, device=scores.device)
    row = torch.repeat_interleave(torch.arange(count, device=scores.device), size, output_size=len(scores))
    chosen = scores.topk(top_k, dim=-1).indices
    place = (row[:, None] * experts + chosen).flatten()
    load = torch.zeros(count * experts, device=scores.device).scatter_add_(0, place, torch.ones_like(place).float())
    load = load.view(count, experts) / (size[:, None] * top_k / experts)
    mean = torch.zeros(count, experts, device=scores.device).index_add(0, row, scores) / size[:, None]
    return (load * mean).sum(dim=1).mean()
