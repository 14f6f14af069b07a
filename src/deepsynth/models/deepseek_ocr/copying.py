"""A path by which the decoder copies what already stands in its prompt or its answer: an addition to DeepSeek-OCR.

Small decoders learn to copy late, and a summary is mostly copied: with this path a decoder of 3 million parameters
learned from 30,000 texts what it did not learn without it. It is one more attention behind the last norm: each place
looks for places that went on as it should go on itself, and takes the token that came next from there. The published
models do not have it, and a model that does has no official layout.

The query comes from the state h_i; the key of a token j from h_j and from h_{j-1}, the state that announced it; the value
is the token's own embedding, scaled to length one in each dimension. One more place, which is empty, takes what is not to
be copied, and what comes of it all is added to h_i.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepsynth.core.errors import ModelError
from deepsynth.models.deepseek_ocr._hf import UnlimitedOcrTextModel, create_causal_mask


class CopyAttention(nn.Module):
    """One attention over the tokens so far, whose values are their embeddings."""

    def __init__(self, hidden_size: int, size: int, layer: int) -> None:
        """`size` is the width of queries and keys, `layer` the number under which a cache keeps them."""
        super().__init__()
        self.query = nn.Linear(hidden_size, size, bias=False)
        self.announced = nn.Linear(hidden_size, size, bias=False)
        self.reached = nn.Linear(hidden_size, size, bias=False)
        self.nothing = nn.Linear(hidden_size, 1)
        self.output = nn.Linear(hidden_size, hidden_size, bias=False)
        self._size, self._layer = size, layer

    def forward(self, hidden: Tensor, embeddings: Tensor, mask: Tensor | None, cache: Any = None) -> Tensor:
        """Return what is to be added to `hidden`.

        *Shapes:* hidden, embeddings and the result (B, T, H); mask (B or 1, 1, T, S) with S the columns of the cache and of
        these T tokens together, either true where a place may be seen or added to scores; none means causal.
        """
        keys = torch.cat([self.announced(hidden), self.reached(hidden)], dim=-1)
        values = functional.rms_norm(embeddings, embeddings.shape[-1:])
        if cache is not None:
            kept = cache.update(keys[:, None], values[:, None].to(keys.dtype), self._layer)
            keys, values = kept[0][:, 0], kept[1][:, 0]
        keys = keys[:, :-1, : self._size] + keys[:, 1:, self._size :]
        scores = self.query(hidden) @ keys.transpose(1, 2) * self._size**-0.5
        scores = _hidden_from(scores, mask)
        weights = torch.cat([self.nothing(hidden), scores], dim=-1).softmax(-1, dtype=torch.float32)[..., 1:]
        return self.output(weights.to(values.dtype) @ values[:, 1:])


def _hidden_from(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return scores of the tokens from the second on, with those out of sight at the least number; *shape:* (B, T, S - 1)."""
    least = torch.finfo(scores.dtype).min
    if mask is None:
        rows, columns = scores.shape[1], scores.shape[2] + 1
        seen = torch.ones(rows, columns, dtype=torch.bool, device=scores.device).tril(columns - rows)[None]
    else:
        seen = mask[:, 0] if mask.dtype == torch.bool else mask[:, 0] > torch.finfo(mask.dtype).min / 2
    # the state that announced a token must be of the same row too: padding announces nothing
    return scores.masked_fill(~(seen[..., 1:] & seen[..., :-1]), least)


class CopyingTextModel(UnlimitedOcrTextModel):
    """The decoder with a `CopyAttention` behind its last norm."""

    def __init__(self, config: Any, size: int) -> None:
        """`config` is that of the decoder."""
        super().__init__(config)
        self.copying = CopyAttention(config.hidden_size, size, config.num_hidden_layers)
        self.post_init()

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return True  # upstream guesses from the text of this file, where there is no such attention

    @classmethod
    def _can_set_experts_implementation(cls) -> bool:
        return True

    @functools.wraps(UnlimitedOcrTextModel.forward)
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Any = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,  # noqa: FBT001  # as transformers has it
        **keywords: Any,
    ) -> Any:
        """Return what the decoder gives, its last states with what is copied."""
        embeddings: Tensor = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if not isinstance(attention_mask, dict) and "packed_lengths" not in keywords:
            mask = create_causal_mask(
                config=self.config,
                inputs_embeds=embeddings,
                attention_mask=attention_mask,
                past_key_values=past_key_values,
                position_ids=position_ids,
            )
            attention_mask = {"full_attention": mask}
        keywords |= {"position_ids": position_ids, "past_key_values": past_key_values, "use_cache": use_cache}
        seen: Any = attention_mask
        outputs: Any = super().forward(inputs_embeds=embeddings, attention_mask=seen, **keywords)
        hidden: Tensor = outputs.last_hidden_state
        if "packed_lengths" in keywords:
            added = self._each_apart(hidden, embeddings, keywords["packed_lengths"])
        else:
            added = self.copying(hidden, embeddings, attention_mask["full_attention"], past_key_values)
        outputs.last_hidden_state = hidden + added
        return outputs

    def _each_apart(self, hidden: Tensor, embeddings: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """Return what is added in a packed row, whose examples do not see one another."""
        parts = zip(hidden.split(lengths, 1), embeddings.split(lengths, 1), strict=True)
        return torch.cat([self.copying(states, tokens, None) for states, tokens in parts], dim=1)


def add_copying(model: Any, size: int, *, seed: int = 0) -> None:
    """Give a model a path to copy by, in place; what it knows stays, and the new weights are small random ones.

    Raises:
        ModelError: it has one already.
    """
    if model.config.copy_size:
        raise ModelError(f"the model has a path to copy by already, of width {model.config.copy_size}")
    old = model.model.language_model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = CopyingTextModel(model.config.text_config, size)
    new.load_state_dict({**new.state_dict(), **old.state_dict()})
    model.model.language_model = new.to(old.embed_tokens.weight.device, old.embed_tokens.weight.dtype).train(
        old.training
    )
    model.config.copy_size = size
