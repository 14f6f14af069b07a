"""What a model reads in one step: padded ids and labels beside the page pictures, still in bytes.

Pixels stay uint8 until the model turns them into floats: a batch then crosses process and device borders at a quarter
of the size, and a pinned copy costs a quarter of the time. Pages of all examples lie in one flat tensor, in order, and
`page_counts` says whose they are, so an example may have any number of pages, none included. Pages that the vision encoder
has read already come as features instead: projected ones as `page_features`, others in place of the pixels.

A packed batch is one row in which the examples lie one behind the other; `packed_lengths` says how long each is.

Legend: B examples (1 in a packed batch, but for `page_counts`), T text positions, P pages in the batch, N tiles in the batch,
S side of a global view, K of a tile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from deepsynth.core.geometry import NO_TILES, Grid


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Examples side by side. Checked once when made; models read it as the mapping of `as_mapping`."""

    input_ids: Tensor
    """*Shape:* (B, T), int64."""
    attention_mask: Tensor
    """*Shape:* (B, T), int64; 0 at padding."""
    labels: Tensor
    """*Shape:* (B, T), int64; `IGNORED` wherever nothing is taught."""
    image_token_mask: Tensor
    """*Shape:* (B, T), bool; true where a visual token is put in place of the id."""
    global_views: Tensor
    """*Shape:* (P, 3, S, S), uint8, or (P, tokens, encoder width); P is 0 for texts, and with `page_features`."""
    tiles: Tensor | None
    """*Shape:* (N, 3, K, K), uint8, page by page in row-major order, or (N, tokens, encoder width); none without tiles."""
    grids: list[Grid]
    """Columns and rows of tiles, one entry a page; (1, 1) means untiled."""
    page_counts: Tensor
    """*Shape:* (B,), int64; sums to P."""
    num_label_tokens: int
    """Targets that the shifted loss really sees: labels that are not `IGNORED`, the first position left out."""
    ids: tuple[str, ...]
    """The examples' ids, in order."""
    page_features: list[Tensor] | None = None
    """Each page's visual tokens, ready for the decoder. *Shapes:* (tokens of the page, hidden)."""
    packed_lengths: tuple[int, ...] | None = None
    """Tokens of each example of a packed row; what lies behind them is padding."""

    def __post_init__(self) -> None:
        rows = len(self.ids) if self.packed_lengths is None else 1
        shape = (rows, self.input_ids.shape[-1])
        for name in ("input_ids", "attention_mask", "labels", "image_token_mask"):
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(f"batch {name} has shape {tuple(getattr(self, name).shape)}, not {shape}")
        if self.packed_lengths is not None and len(self.packed_lengths) != len(self.ids):
            raise ValueError(f"batch packs {len(self.packed_lengths)} examples and names {len(self.ids)}")
        pages = len(self.global_views) if self.page_features is None else len(self.page_features)
        if len(self.grids) != pages:
            raise ValueError(f"batch holds {pages} pages and {len(self.grids)} grids")
        # Looked at on the CPU only, where batches are made: elsewhere it would make the host wait for the device.
        if self.page_counts.device.type == "cpu" and int(self.page_counts.sum()) != pages:
            raise ValueError(f"batch holds {pages} pages and counts {self.page_counts.tolist()}")
        tiled = self.grids if self.page_features is None else []
        expected = sum(columns * rows for columns, rows in tiled if (columns, rows) != NO_TILES)
        if expected != (0 if self.tiles is None else len(self.tiles)):
            raise ValueError(f"batch grids {self.grids} need {expected} tiles")

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """Return the batch on `device`; bytes stay bytes."""
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return a copy in page-locked memory; torch's data loader calls this by name."""
        return self._with_tensors(lambda tensor: tensor.pin_memory())

    def as_mapping(self) -> dict[str, Any]:
        """Return the fields by name, without copying."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> Batch:
        changed: dict[str, Any] = {
            name: change(value) for name, value in self.as_mapping().items() if isinstance(value, Tensor)
        }
        if self.page_features is not None:
            changed["page_features"] = [change(page) for page in self.page_features]
        return replace(self, **changed)

    @property
    def num_tokens(self) -> int:
        """Tokens that are no padding."""
        return int(self.attention_mask.sum())

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example, without padding."""
        return list(self.packed_lengths) if self.packed_lengths else self.attention_mask.sum(dim=1).tolist()

    @property
    def num_pixels(self) -> int:
        """Pixels that the encoder will read: none when the pages come encoded."""
        pictures = (views for views in (self.global_views, self.tiles) if views is not None and views.ndim == 4)
        return sum(views.shape[0] * views.shape[2] * views.shape[3] for views in pictures)

    @property
    def num_visual_tokens(self) -> int:
        """Positions that hold a visual token."""
        return int(self.image_token_mask.sum())
