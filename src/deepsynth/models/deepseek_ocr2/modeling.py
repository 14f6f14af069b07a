"""Version 2 as a transformers model: stock modules, our config, our order of page features."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from deepsynth.core.geometry import NO_TILES, Grid
from deepsynth.models.deepseek_ocr2._hf import DeepseekOcr2ForConditionalGeneration as StockModel
from deepsynth.models.deepseek_ocr2._hf import register
from deepsynth.models.deepseek_ocr2.config import DeepseekOcr2Config
from deepsynth.models.reading import ReadsPages


class DeepseekOcrV2ForConditionalGeneration(ReadsPages, StockModel):
    """DeepSeek-OCR-2: `model(batch=...)` returns a `ModelOutput`; any other call is transformers' own forward.

    Its name must not be the stock class's: key mappings are registered by class name, and would change that one too.
    """

    config_class = DeepseekOcr2Config
    layout = "v2"

    @functools.wraps(StockModel.forward)
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # one more keyword, the rest passed on
        self, *args: Any, batch: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Return `read(batch, ...)` when given a batch."""
        if batch is None:
            return super().forward(*args, **kwargs)
        return self.read(batch, **kwargs)

    def assemble_pages(self, views: Tensor, tiles: Tensor | None, grids: Sequence[Grid]) -> list[Tensor]:
        """Order: tiles one after the other, global view, separator; version 2 has no newline tokens."""
        separator = self.model.view_separator[None].to(views.dtype)
        found, start = [], 0
        for page, (columns, rows) in zip(views, grids, strict=True):
            count = 0 if (columns, rows) == NO_TILES or tiles is None else columns * rows
            before = [tiles[start : start + count].flatten(0, 1)] if tiles is not None and count else []
            found.append(torch.cat([*before, page, separator]))
            start += count
        return found

    def decoder_mask(self, embeddings: Tensor, attention_mask: Tensor | None) -> Tensor | None:
        """Return the mask as it is: the stock decoder makes a causal one of it, or lets the kernels do so without."""
        return attention_mask


register(DeepseekOcr2Config, DeepseekOcrV2ForConditionalGeneration)
