"""Examples become a batch: the family's processor encodes each one, and this module only pads and stacks.

Everything that knows about tokens lives in the processor (`deepsynth.core.processor`), so one collator serves every
family and mode. Training pads on the right, or packs the examples into one row without padding; generation pads on the
left, so that each prompt ends where writing begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepsynth.core.documents import EncodedPage, Example
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.core.geometry import NO_TILES
from deepsynth.core.processor import IGNORED, EncodedExample, Ids, PageViews, Pixels, Processor
from deepsynth.data.batch import Batch

PaddingSide = Literal["right", "left", "packed"]


class Collator:
    """Encodes and pads examples; picklable if the processor is, so that it runs in loader workers."""

    def __init__(
        self,
        processor: Processor,
        *,
        padding_side: PaddingSide = "right",
        max_length: int | None = None,
        with_summary: bool = True,
        pad_to_multiple_of: int | None = None,
    ) -> None:
        """`max_length` cuts summaries, never prompts; `pad_to_multiple_of` keeps shapes few (faster on CPU and GPU).

        Raises:
            SettingsError: the padding side is unknown, or a length is not positive.
        """
        if padding_side not in ("right", "left", "packed"):
            raise SettingsError(f"padding_side must be 'right', 'left' or 'packed', not {padding_side!r}")
        for name, value in (("max_length", max_length), ("pad_to_multiple_of", pad_to_multiple_of)):
            if value is not None and value < 1:
                raise SettingsError(f"{name} must be positive, not {value}")
        self.processor = processor
        self.padding_side: PaddingSide = padding_side
        self.max_length = max_length
        self.with_summary = with_summary
        self.pad_to_multiple_of = pad_to_multiple_of

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """Return the batch of `examples`, in their order.

        Raises:
            InputError: there is no example, or the processor refuses one (the message names its id).
        """
        return self.collate(
            [
                self.processor.encode(example, with_summary=self.with_summary, max_length=self.max_length)
                for example in examples
            ]
        )

    def collate(self, encoded: Sequence[EncodedExample]) -> Batch:
        """Return the batch of examples that are encoded already, in their order.

        Raises:
            InputError: there is no example.
        """
        if not encoded:
            raise InputError("a batch needs at least one example")
        return Batch(
            **self._text(encoded),
            **self._pages([view for item in encoded for view in item.views]),
            page_counts=torch.tensor([len(item.views) for item in encoded], dtype=torch.int64),
            ids=tuple(item.id for item in encoded),
        )

    def _text(self, encoded: Sequence[EncodedExample]) -> dict[str, Any]:
        labels = [_with_ignored_start(item.labels) for item in encoded]
        rows = {
            "input_ids": ([item.input_ids for item in encoded], self.processor.pad_token_id),
            "attention_mask": ([np.ones_like(item.input_ids) for item in encoded], 0),
            "labels": (labels, IGNORED),
            "image_token_mask": ([item.image_token_mask.astype(np.int64) for item in encoded], 0),
        }
        packed = self.padding_side == "packed"
        lengths = tuple(len(item.input_ids) for item in encoded)
        length = self._rounded(sum(lengths) if packed else max(lengths))
        found: dict[str, Any] = {
            name: self._pad([np.concatenate(values)] if packed else values, length, filling)
            for name, (values, filling) in rows.items()
        }
        found["image_token_mask"] = found["image_token_mask"].bool()
        count = sum(int((row != IGNORED).sum()) for row in labels)
        return {**found, "num_label_tokens": count, "packed_lengths": lengths if packed else None}

    def _pages(self, views: Sequence[PageViews | EncodedPage]) -> dict[str, Any]:
        grids = [view.grid for view in views]
        pictures = [view for view in views if isinstance(view, PageViews)]
        if len(pictures) == len(views):
            global_views = self._stack([view.global_view for view in pictures])
            return {"global_views": global_views, "tiles": _stack_tiles(pictures), "grids": grids}
        encoded = [view for view in views if isinstance(view, EncodedPage)]
        if len(encoded) < len(views):
            raise InputError("a batch holds pages as pictures or encoded, not both")
        if any(view.view_tokens is None for view in encoded):
            features = [view.features for view in encoded]
            return {"global_views": self._stack([]), "tiles": None, "grids": grids, "page_features": features}
        return {**_encoder_outputs(encoded), "grids": grids}

    def _rounded(self, length: int) -> int:
        step = self.pad_to_multiple_of or 1
        return -(-length // step) * step

    def _pad(self, rows: Sequence[npt.NDArray[np.generic]], length: int, value: int) -> Tensor:
        padded = np.full((len(rows), length), value, dtype=np.int64)
        for target, row in zip(padded, rows, strict=True):
            start = length - len(row) if self.padding_side == "left" else 0
            target[start : start + len(row)] = row
        return torch.from_numpy(padded)

    def _stack(self, views: Sequence[Pixels]) -> Tensor:
        if views:
            return _channels_first(np.stack(views))
        size = self.processor.mode.size
        return torch.empty((0, 3, size, size), dtype=torch.uint8)


def _with_ignored_start(labels: Ids) -> Ids:
    """Return the labels with the first left out: nothing stands before it, and in a packed row another example does."""
    return np.concatenate([np.full(1, IGNORED, dtype=np.int64), labels[1:]])


def _encoder_outputs(pages: Sequence[EncodedPage]) -> dict[str, Tensor | None]:
    """Return the outputs of global views and of tiles, page by page; every tile has as many rows as every other."""
    views = torch.stack([page.features[: page.view_tokens] for page in pages])
    tiles = [
        page.features[page.view_tokens :].unflatten(0, (page.grid[0] * page.grid[1], -1))
        for page in pages
        if page.grid != NO_TILES
    ]
    return {"global_views": views, "tiles": torch.cat(tiles) if tiles else None}


def _stack_tiles(views: Sequence[PageViews]) -> Tensor | None:
    tiles = [view.tiles for view in views if view.tiles is not None]
    return _channels_first(np.concatenate(tiles)) if tiles else None


def _channels_first(pixels: Pixels) -> Tensor:
    """Turn (P, H, W, 3) into contiguous (P, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
