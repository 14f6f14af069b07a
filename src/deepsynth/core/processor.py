"""What stands between data and models: an example as token ids and page views, and who makes it.

`data` and `models` never import one another; a family's processor reaches the collator through the protocol below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepsynth.core.documents import EncodedPage, Example
from deepsynth.core.geometry import NO_TILES, Grid, Mode

IGNORED = -100
"""The label of positions that teach nothing: prompt, image and padding."""

Pixels = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageViews:
    """One page as the encoder takes it, still in bytes: the model input is (u / 255 - 0.5) / 0.5.

    *Shapes:* global_view (S, S, 3); tiles (columns * rows, T, T, 3) in row-major order, or none.
    """

    mode: Mode
    global_view: Pixels
    tiles: Pixels | None = None
    grid: Grid = NO_TILES

    def __post_init__(self) -> None:
        size = self.mode.size
        if self.global_view.shape != (size, size, 3):
            raise ValueError(f"mode {self.mode.name} needs a view of {size, size, 3}, not {self.global_view.shape}")
        count = 0 if self.tiles is None else len(self.tiles)
        if count != (0 if self.grid == NO_TILES else self.grid[0] * self.grid[1]):
            raise ValueError(f"grid {self.grid} does not fit {count} tiles")

    @property
    def tokens(self) -> int:
        """Placeholders that this page takes in the prompt."""
        return self.mode.tokens(self.grid)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedExample:
    """An example as the model reads it, not yet padded.

    *Shapes:* input_ids, labels and image_token_mask all (T,); labels are `IGNORED` outside the summary and its EOS.
    """

    id: str
    input_ids: Ids
    labels: Ids
    image_token_mask: npt.NDArray[np.bool_]
    views: tuple[PageViews | EncodedPage, ...]

    def __post_init__(self) -> None:
        if not self.input_ids.shape == self.labels.shape == self.image_token_mask.shape:
            raise ValueError(f"example {self.id!r}: ids, labels and image mask differ in length")
        placeholders, expected = int(self.image_token_mask.sum()), sum(view.tokens for view in self.views)
        if placeholders != expected:
            raise ValueError(f"example {self.id!r}: {placeholders} placeholders for pages of {expected} visual tokens")


class Processor(Protocol):
    """Turns examples into ids and views for one family, tokenizer and mode."""

    mode: Mode
    pad_token_id: int
    eos_token_id: int

    def encode(self, example: Example, *, with_summary: bool = True, max_length: int | None = None) -> EncodedExample:
        """Return the prompt, followed by the summary and EOS when `with_summary`.

        `max_length` cuts the summary (never the prompt); a cut summary gets no EOS, since it does not end there.

        Raises:
            InputError: the prompt alone exceeds `max_length`, or `with_summary` and there is none.
        """
        ...

    def decode(self, ids: Ids | list[int]) -> str:
        """Return the text of generated ids, special tokens left out."""
        ...

    def count_text_tokens(self, text: str) -> int:
        """Return the tokens that `text` would cost as text."""
        ...
