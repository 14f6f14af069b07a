"""Rows written side by side, of which each may join and leave between two tokens.

All rows end at the same column of the cache and differ in where they begin: a row that joins is set in front of its last
column, padded on the left, whatever the length of the others. Keys carry their rotation already, so moving them changes
nothing, and a row's logits are those that it would have alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from deepsynth.core.errors import InputError
from deepsynth.models.reading import prompt_embeddings

ROOM = 64
"""Columns by which a full cache grows: one copy in so many tokens, where appending would copy for each."""


class KeyValues:
    """Keys and values of every layer, in buffers with room for the next tokens; layers know it as `past_key_values`.

    *Shapes:* each buffer (B, heads, capacity, head size); the first `length` columns are in use.
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take over what the prompt left, one pair a layer."""
        self.length = layers[0][0].shape[2]
        self._layers = [(_with_room(keys), _with_room(values)) for keys, values in layers]

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Put the next column into a layer and return all that is in use; `advance` follows when all layers have it."""
        end = self.length + keys.shape[2]
        if end > self._layers[layer][0].shape[2]:
            old = self._layers[layer]
            self._layers[layer] = (_with_room(old[0], ROOM), _with_room(old[1], ROOM))
        kept = self._layers[layer]
        kept[0][:, :, self.length : end] = keys
        kept[1][:, :, self.length : end] = values
        return kept[0][:, :, :end], kept[1][:, :, :end]

    def advance(self) -> None:
        """Count the column that `update` has put into every layer."""
        self.length += 1

    def select(self, rows: Sequence[int], first: int) -> None:
        """Keep some rows, in this order, without the columns before `first`."""
        index = torch.tensor(list(rows), device=self._layers[0][0].device)
        self._layers = [
            (keys[:, :, first:].index_select(0, index), values[:, :, first:].index_select(0, index))
            for keys, values in self._layers
        ]
        self.length -= first

    def append(self, other: KeyValues) -> None:
        """Add the rows of another cache below; the shorter of the two is padded on the left."""
        length = max(self.length, other.length)
        self._layers = [
            (
                _stack(mine[0], self.length, theirs[0], other.length),
                _stack(mine[1], self.length, theirs[1], other.length),
            )
            for mine, theirs in zip(self._layers, other._layers, strict=True)
        ]
        self.length = length


class Decoder:
    """The rows at work on one model. Use it under one thread; the model stays in evaluation mode."""

    def __init__(self, model: Any) -> None:
        """`model` is a family's class without wrappers."""
        self._model = model
        self._cache: KeyValues | None = None
        self._starts: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def columns(self) -> int:
        """Columns of the cache in use: the length of the longest row."""
        return self._cache.length if self._cache is not None and self._starts else 0

    def join(self, batch: Mapping[str, Any]) -> Tensor:
        """Read the prompts of a left-padded batch; return the logits of each one's next token.

        *Shape:* (rows of the batch, vocabulary), float32.

        Raises:
            InputError: the batch is padded on the right, where the next token belongs; or pages and placeholders differ.
        """
        mask: Tensor = batch["attention_mask"]
        if not bool(mask[:, -1].all()):
            raise InputError("generation needs a batch padded on the left; make the collator with padding_side='left'")
        self._model.eval()
        with torch.inference_mode():
            embeddings = prompt_embeddings(self._model, batch)
            cache = DynamicCache()  # full attention in every layer, and room for one more, by which a decoder may copy
            padded = None if bool(mask[:, 0].all()) else mask
            hidden = self._forward(embeddings, self._model.decoder_mask(embeddings, padded), _positions(mask), cache)
            layers: list[Any] = cache.layers
            self._append(KeyValues([(layer.keys, layer.values) for layer in layers]), mask)
            return self._logits(hidden)

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Append one token to each row; return the logits of the next.

        *Shape:* (rows, vocabulary), float32.
        """
        assert self._cache is not None and len(tokens) == len(self)
        with torch.inference_mode():
            language = self._model.model.language_model
            device = language.embed_tokens.weight.device
            embeddings = language.embed_tokens(torch.tensor(tokens, device=device)[:, None])
            starts = torch.tensor(self._starts, device=device)[:, None]
            mask = self._model.decoder_mask(embeddings, _step_mask(starts, self._cache.length + 1, embeddings.dtype))
            hidden = self._forward(embeddings, mask, self._cache.length - starts, self._cache)
            self._cache.advance()
            return self._logits(hidden)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, which stand in this order from now on."""
        if list(rows) == list(range(len(self))):
            return
        self._starts = [self._starts[row] for row in rows]
        if not rows:
            self._cache = None
            return
        assert self._cache is not None
        first = min(self._starts)
        with torch.inference_mode():
            self._cache.select(rows, first)
        self._starts = [start - first for start in self._starts]

    def _append(self, cache: KeyValues, mask: Tensor) -> None:
        starts = [int(start) for start in (mask.shape[1] - mask.sum(dim=1)).tolist()]
        if self._cache is None:
            self._cache, self._starts = cache, starts
            return
        before = self._cache.length
        added = cache.length
        self._cache.append(cache)
        length = self._cache.length
        self._starts = [
            *(start + length - before for start in self._starts),
            *(start + length - added for start in starts),
        ]

    def _forward(self, embeddings: Tensor, mask: Any, positions: Tensor, cache: Any) -> Tensor:
        outputs = self._model.model.language_model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        return outputs.last_hidden_state

    def _logits(self, hidden: Tensor) -> Tensor:
        return self._model.lm_head(hidden[:, -1]).float()


def _positions(mask: Tensor) -> Tensor:
    """Return each token's place among the real ones of its row; padding gets 0."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def _step_mask(starts: Tensor, columns: int, dtype: torch.dtype) -> Tensor:
    """Return what is added to the attention of one new token: nothing, or minus infinity at the padding of its row.

    *Shape:* (B, 1, 1, columns).
    """
    padding = torch.arange(columns, device=starts.device)[None] < starts
    return torch.zeros(padding.shape, dtype=dtype, device=starts.device).masked_fill(padding, torch.finfo(dtype).min)[
        :, None, None
    ]


def _with_room(tensor: Tensor, extra: int = ROOM) -> Tensor:
    return torch.nn.functional.pad(tensor, (0, 0, 0, extra))


def _stack(mine: Tensor, my_length: int, theirs: Tensor, their_length: int) -> Tensor:
    length = max(my_length, their_length)
    both = mine.new_zeros((len(mine) + len(theirs), mine.shape[1], length + ROOM, mine.shape[3]))
    both[: len(mine), :, length - my_length : length] = mine[:, :, :my_length]
    both[len(mine) :, :, length - their_length : length] = theirs[:, :, :their_length]
    return both
