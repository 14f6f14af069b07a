"""Writing: new ids for a left-padded batch, by transformers' own search.

The prompt enters as embeddings. So pages are encoded once however many beams there are, and rules against repetition
look at the summary only: a page of placeholders would otherwise count as one long repetition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, NoRepeatNGramLogitsProcessor

from deepsynth.core.errors import InputError
from deepsynth.models.reading import prompt_embeddings


class NoRepeatNgram(LogitsProcessor):
    """Forbids an n-gram that stands already among the last `window` new tokens, or among all of them when it is 0."""

    def __init__(self, size: int, window: int = 0) -> None:
        """`size` is that of the official code's 20 (35 in its evaluation)."""
        self.window = window
        self._stock = NoRepeatNGramLogitsProcessor(size)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores with forbidden continuations at minus infinity."""
        return self._stock(input_ids[:, -self.window :], scores)  # pyright: ignore[reportArgumentType]


def generate(
    model: Any,
    batch: Mapping[str, Any],
    *,
    max_new_tokens: int,
    min_new_tokens: int = 0,
    num_beams: int = 1,
    temperature: float = 0.0,
    top_p: float = 1.0,
    no_repeat_ngram_size: int = 0,
    no_repeat_ngram_window: int = 0,
) -> list[list[int]]:
    """Return the new ids of each row (see `ModelFamily.generate`); a temperature of 0 means greedy or beam search.

    Raises:
        InputError: the batch is padded on the right, where the next token belongs.
    """
    if not bool(batch["attention_mask"][:, -1].all()):
        raise InputError("generation needs a batch padded on the left; make the collator with padding_side='left'")
    text = model.config.text_config
    sampling = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0} if temperature > 0 else {}
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens or None,
        num_beams=num_beams,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=2 if text.pad_token_id is None else text.pad_token_id,
        **sampling,
    )
    rules = LogitsProcessorList()
    if no_repeat_ngram_size:
        rules.append(NoRepeatNgram(no_repeat_ngram_size, no_repeat_ngram_window))
    ids = _search(model, batch, settings, rules)
    return [_until_eos(row, text.eos_token_id) for row in ids.tolist()]


def _search(model: Any, batch: Mapping[str, Any], settings: GenerationConfig, rules: LogitsProcessorList) -> Tensor:
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return model.generate(
                inputs_embeds=prompt_embeddings(model, batch),
                attention_mask=batch["attention_mask"],
                generation_config=settings,
                logits_processor=rules,
            )
    finally:
        model.train(training)


def _until_eos(ids: list[int], eos: int | None) -> list[int]:
    return ids[: ids.index(eos) + 1] if eos in ids else ids
