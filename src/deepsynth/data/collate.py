"""Examples become a batch: the family's processor encodes each one, and this module only pads and stacks.

Everything that knows about tokens lives in the processor (`deepsynth.core.processor`), so one collator serves every
family and mode. Training pads on the right; generation pads on the left, so that each prompt ends where writing begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.core.processor import IGNORED, EncodedExample, PageViews, Pixels, Processor
from deepsynth.data.batch import Batch

PaddingSide = Literal["right", "left"]


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
            SettingsError: the padding side is neither `right` nor `left`, or a length is not positive.
        """
        if padding_side not in ("right", "left"):
            raise SettingsError(f"padding_side must be 'right' or 'left', not {padding_side!r}")
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
        if not examples:
            raise InputError("a batch needs at least one example")
        encoded = [
            self.processor.encode(example, with_summary=self.with_summary, max_length=self.max_length)
            for example in examples
        ]
        views = list(chain.from_iterable(item.views for item in encoded))
        length = self._padded_length(encoded)
        labels = self._pad([item.labels for item in encoded], length, IGNORED)
        return Batch(
            input_ids=self._pad([item.input_ids for item in encoded], length, self.processor.pad_token_id),
            attention_mask=self._pad([np.ones_like(item.input_ids) for item in encoded], length, 0),
            labels=labels,
            image_token_mask=self._pad([item.image_token_mask for item in encoded], length, 0).bool(),
            global_views=self._stack([view.global_view for view in views]),
            tiles=_stack_tiles(views),
            grids=[view.grid for view in views],
            page_counts=torch.tensor([len(item.views) for item in encoded], dtype=torch.int64),
            # The loss compares logits[:, :-1] with labels[:, 1:], so a label at position 0 is never a target.
            num_label_tokens=int((labels[:, 1:] != IGNORED).sum()),
            ids=tuple(item.id for item in encoded),
        )

    def _padded_length(self, encoded: Sequence[EncodedExample]) -> int:
        longest = max(len(item.input_ids) for item in encoded)
        step = self.pad_to_multiple_of or 1
        return -(-longest // step) * step

    def _pad(self, rows: Sequence[npt.NDArray[np.generic]], length: int, value: int) -> Tensor:
        padded = np.full((len(rows), length), value, dtype=np.int64)
        for target, row in zip(padded, rows, strict=True):
            start = 0 if self.padding_side == "right" else length - len(row)
            target[start : start + len(row)] = row
        return torch.from_numpy(padded)

    def _stack(self, views: Sequence[Pixels]) -> Tensor:
        if views:
            return _channels_first(np.stack(views))
        size = self.processor.mode.size
        return torch.empty((0, 3, size, size), dtype=torch.uint8)


def _stack_tiles(views: Sequence[PageViews]) -> Tensor | None:
    tiles = [view.tiles for view in views if view.tiles is not None]
    return _channels_first(np.concatenate(tiles)) if tiles else None


def _channels_first(pixels: Pixels) -> Tensor:
    """Turn (P, H, W, 3) into contiguous (P, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
