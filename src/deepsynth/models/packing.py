"""Examples that lie one behind the other in one row, without padding, and do not see one another.

transformers calls an attention function by name and hands it every keyword that the decoder was given. Ours is told where
each example of the row begins, and attends within each alone: on a GPU through the kernel for sequences of different
lengths, elsewhere example by example. Its cost is the sum of the squared lengths, not the square of their sum, and
no mask is made. Positions start at zero with each example, so the loss is that of the padded batch.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepsynth.core.errors import ModelError
from deepsynth.models._hf import AttentionInterface

PACKED = "deepsynth_packed"
"""The name under which transformers knows the attention function."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Where the examples of a packed row lie."""

    lengths: tuple[int, ...]
    """Tokens of each, in order; they fill the row."""

    @classmethod
    def of_row(cls, lengths: Sequence[int], width: int) -> Packing:
        """Return the packing of a row of `width`; what lies behind the last example is a stretch of its own.

        Raises:
            ModelError: the lengths do not fit into the row.
        """
        rest = width - sum(lengths)
        if rest < 0 or min(lengths, default=0) < 1:
            raise ModelError(f"examples of {list(lengths)} tokens do not fit a packed row of {width}")
        return cls((*lengths, rest) if rest else tuple(lengths))

    def positions(self, device: torch.device) -> Tensor:
        """*Shape:* (1, width): 0, 1, 2, ... anew for each example."""
        return torch.cat([torch.arange(length, device=device) for length in self.lengths])[None]

    def offsets(self, device: torch.device) -> Tensor:
        """*Shape:* (examples + 1,), int32: where each begins, and where the last one ends."""
        return torch.tensor([0, *itertools.accumulate(self.lengths)], dtype=torch.int32, device=device)

    def keywords(self, device: torch.device) -> dict[str, Any]:
        """Return what the decoder is called with."""
        return {
            "position_ids": self.positions(device),
            "packed_offsets": self.offsets(device),
            "packed_lengths": self.lengths,
        }


def packed_attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _attention_mask: Tensor | None,
    *,
    packed_offsets: Tensor,
    packed_lengths: Sequence[int],
    dropout: float = 0.0,
    scaling: float | None = None,
    **_others: Any,
) -> tuple[Tensor, None]:
    """Return causal attention within each example of a packed row, as transformers' attention functions do.

    *Shapes:* query, key, value (1, heads, T, head size), equally many heads; packed_offsets (examples + 1,); the result
    is (1, T, heads, head size).
    """
    assert len(query) == 1 and query.shape[1] == key.shape[1], "packed rows come one at a time, without grouped heads"
    if query.is_cuda and query.dtype in (torch.float16, torch.bfloat16) and not dropout:
        return _fused(query, key, value, packed_offsets, max(packed_lengths), scaling), None
    lengths = list(packed_lengths)
    parts = zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    found = [
        functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True, scale=scaling)
        for q, k, v in parts
    ]
    return torch.cat(found, 2).transpose(1, 2).contiguous(), None


def _fused(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int, scaling: float | None) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    # a window of all that lies behind and nothing ahead is causal attention; torch 2.11 has a word for it instead
    known = inspect.signature(varlen_attn).parameters
    causal: dict[str, Any] = {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    q, k, v = (tensor[0].transpose(0, 1).contiguous() for tensor in (query, key, value))
    found = varlen_attn(q, k, v, offsets, offsets, longest, longest, scale=scaling, **causal)
    assert isinstance(found, Tensor)
    return found[None]


AttentionInterface.register(PACKED, packed_attention)
