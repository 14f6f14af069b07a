"""Writing: new ids for a left-padded batch, by transformers' own search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from deepsynth.core.errors import InputError
from deepsynth.models.reading import ReadsPages, prompt_embeddings


def generate(model: Any, batch: Mapping[str, Any], settings: GenerationConfig) -> list[list[int]]:
    """Return the new ids of each row; a row that ended by itself ends with EOS.

    The prompt enters as embeddings, so pages are encoded once however many beams there are, and rules against
    repetition look at the summary only, not at the prompt.

    Raises:
        InputError: the batch is padded on the right, where the next token belongs.
    """
    if not bool(batch["attention_mask"][:, -1].all()):
        raise InputError("generation needs a batch padded on the left; make the collator with padding_side='left'")
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            ids = _generate(model, batch, settings)
    finally:
        model.train(training)
    return [_until_eos(row, settings.eos_token_id) for row in ids.tolist()]


def generation_settings(
    model: ReadsPages,
    *,
    max_new_tokens: int,
    min_new_tokens: int = 0,
    num_beams: int = 1,
    temperature: float = 0.0,
    top_p: float = 1.0,
    no_repeat_ngram_size: int = 0,
    no_repeat_ngram_window: int = 0,
) -> GenerationConfig:
    """Return transformers' settings for ours; a temperature of 0 means greedy or beam search."""
    text = model.config.text_config
    sampling = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0} if temperature > 0 else {}
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens or None,
        num_beams=num_beams,
        no_repeat_ngram_size=no_repeat_ngram_size or None,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=2 if text.pad_token_id is None else text.pad_token_id,
        **sampling,
    )
    if no_repeat_ngram_window:
        settings.no_repeat_ngram_window_size = no_repeat_ngram_window  # pyright: ignore[reportAttributeAccessIssue]
    return settings


def _generate(model: Any, batch: Mapping[str, Any], settings: GenerationConfig) -> Tensor:
    return model.generate(
        inputs_embeds=prompt_embeddings(model, batch),
        attention_mask=batch["attention_mask"],
        generation_config=settings,
    )


def _until_eos(ids: list[int], eos: Any) -> list[int]:
    return ids[: ids.index(eos) + 1] if eos in ids else ids
