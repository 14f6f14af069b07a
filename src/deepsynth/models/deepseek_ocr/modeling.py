"""Version 1 as a transformers model: stock modules, our config, our order of page features."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from deepsynth.core.geometry import NO_TILES, Grid
from deepsynth.models.deepseek_ocr._hf import UnlimitedOcrForConditionalGeneration, create_causal_mask, register
from deepsynth.models.deepseek_ocr.config import DeepseekOcrConfig
from deepsynth.models.deepseek_ocr.copying import CopyingTextModel
from deepsynth.models.reading import ReadsPages


class DeepseekOcrForConditionalGeneration(ReadsPages, UnlimitedOcrForConditionalGeneration):
    """DeepSeek-OCR: `model(batch=...)` returns a `ModelOutput`; any other call is transformers' own forward."""

    config_class = DeepseekOcrConfig
    layout = "v1"

    def __init__(self, config: DeepseekOcrConfig) -> None:
        """Build the modules; the decoder is the stock one unless the settings ask for a path to copy by."""
        super().__init__(config)
        if config.copy_size:
            self.model.language_model = CopyingTextModel(config.text_config, config.copy_size)

    @functools.wraps(UnlimitedOcrForConditionalGeneration.forward)
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # one more keyword, the rest passed on
        self, *args: Any, batch: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Return `read(batch, ...)` when given a batch."""
        if batch is None:
            return super().forward(*args, **kwargs)
        return self.read(batch, **kwargs)

    def assemble_pages(self, views: Tensor, tiles: Tensor | None, grids: Sequence[Grid]) -> list[Tensor]:
        """Order: tiles joined to one picture, global view, separator; a newline token ends every row of features."""
        separator = self.model.view_separator[None].to(views.dtype)
        pages = self._with_newlines(_square(views)).flatten(1, 2)
        if tiles is None:
            return list(torch.cat([pages, separator.expand(len(pages), 1, -1)], dim=1).unbind(0))
        found, start = [], 0
        for page, (columns, rows) in zip(pages, grids, strict=True):
            count = 0 if (columns, rows) == NO_TILES else columns * rows
            picture = [self._join(tiles[start : start + count], columns, rows)] if count else []
            found.append(torch.cat([*picture, page, separator]))
            start += count
        return found

    def decoder_mask(self, embeddings: Tensor, attention_mask: Tensor | None) -> dict[str, Tensor | None]:
        """Return the full-attention mask alone; the stock model would also build one for sliding attention, unused."""
        mask = create_causal_mask(
            config=self.config.text_config,
            inputs_embeds=embeddings,
            attention_mask=attention_mask,
            past_key_values=None,
        )
        return {"full_attention": mask}

    def _join(self, tiles: Tensor, columns: int, rows: int) -> Tensor:
        side = _square(tiles)
        picture = side.unflatten(0, (rows, columns)).transpose(1, 2).flatten(0, 1).flatten(1, 2)
        return self._with_newlines(picture).flatten(0, 1)

    def _with_newlines(self, picture: Tensor) -> Tensor:
        newline = self.model.image_newline.to(picture.dtype).expand(*picture.shape[:-2], 1, -1)
        return torch.cat([picture, newline], dim=-2)


def _square(features: Tensor) -> Tensor:
    """*Shapes:* (P, side * side, H) -> (P, side, side, H)."""
    side = round(features.shape[1] ** 0.5)
    return features.unflatten(1, (side, side))


register(DeepseekOcrConfig, DeepseekOcrForConditionalGeneration)
