"""Writing: which token comes next, for rows that are written side by side, each by its own rules.

The prompt enters as embeddings, so rules against repetition look at the summary only: a page of placeholders would
otherwise count as one long repetition. Greedy search and sampling are done here, on a `Decoder`, so that rows may come
and go; beam search is transformers' own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, LogitsProcessor, LogitsProcessorList

from deepsynth.core.errors import InputError
from deepsynth.models.decoding import Decoder
from deepsynth.models.family import TokenRules
from deepsynth.models.reading import prompt_embeddings

NEVER = -torch.inf


class RowWriter:
    """The tokens of one row, and the choice of the next."""

    def __init__(self, rules: TokenRules, eos_token_id: int | None) -> None:
        self.rules, self.ids = rules, list[int]()
        self._eos = eos_token_id
        self._generator: torch.Generator | None = None
        if rules.temperature > 0:
            seed = int(torch.randint(2**62, ())) if rules.seed is None else rules.seed
            self._generator = torch.Generator().manual_seed(seed)

    @property
    def free(self) -> bool:
        """Whether the likeliest token is the next one, with no rule against any."""
        rules = self.rules
        return self._generator is None and not rules.no_repeat_ngram_size and len(self.ids) >= rules.min_new_tokens

    @property
    def ended(self) -> bool:
        """Whether the row has ended by itself or is as long as allowed."""
        return len(self.ids) >= self.rules.max_new_tokens or (bool(self.ids) and self.ids[-1] == self._eos)

    def choose(self, logits: Tensor) -> int:
        """Return the next token by the rules. *Shape:* logits (vocabulary,)."""
        logits = logits.cpu().clone()
        logits[forbidden_ngrams(self.ids, self.rules)] = NEVER
        if self._eos is not None and len(self.ids) < self.rules.min_new_tokens:
            logits[self._eos] = NEVER
        if self._generator is None:
            return int(logits.argmax())
        return sample(logits, self.rules, self._generator)


def choose_next(rows: Sequence[RowWriter], logits: Tensor) -> list[int]:
    """Append the next token to each row and return them. *Shape:* logits (rows, vocabulary)."""
    likeliest = logits.argmax(dim=1).tolist()
    chosen = [likeliest[number] if row.free else row.choose(logits[number]) for number, row in enumerate(rows)]
    for row, token in zip(rows, chosen, strict=True):
        row.ids.append(token)
    return chosen


def sample(logits: Tensor, rules: TokenRules, generator: torch.Generator) -> int:
    """Draw a token from the likeliest that together reach `top_p`. *Shape:* logits (vocabulary,)."""
    chances, order = torch.softmax(logits / rules.temperature, dim=0).sort(descending=True, stable=True)
    chances[chances.cumsum(dim=0) - chances >= rules.top_p] = 0.0
    return int(order[torch.multinomial(chances, 1, generator=generator)])


def forbidden_ngrams(ids: Sequence[int], rules: TokenRules) -> list[int]:
    """Return the tokens that would complete an n-gram which stands already within the window."""
    size, window = rules.no_repeat_ngram_size, rules.no_repeat_ngram_window
    recent = list(ids[-window:] if window else ids)
    if not size or len(recent) < size:
        return []
    head = recent[len(recent) - size + 1 :]
    found = {recent[at + size - 1] for at in range(len(recent) - size + 1) if recent[at : at + size - 1] == head}
    return sorted(found - rules.no_repeat_allowed)


class _NoRepeatNgram(LogitsProcessor):
    """The rule against repeated n-grams in the form that beam search takes."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores with forbidden continuations at minus infinity."""
        scores = scores.clone()
        for row, ids in enumerate(input_ids.tolist()):
            scores[row, forbidden_ngrams(ids, self._rules)] = NEVER
        return scores


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
        InputError: the batch is padded on the right, where the next token belongs; or beams are to be drawn at random.
    """
    rules = TokenRules(
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens,
        temperature=temperature,
        top_p=top_p,
        no_repeat_ngram_size=no_repeat_ngram_size,
        no_repeat_ngram_window=no_repeat_ngram_window,
    )
    training = model.training
    try:
        if num_beams > 1:
            return search_beams(model, batch, rules, num_beams)
        return _write(model, batch, rules)
    finally:
        model.train(training)


def _write(model: Any, batch: Mapping[str, Any], rules: TokenRules) -> list[list[int]]:
    decoder = Decoder(model)
    logits = decoder.join(batch)
    writers = [RowWriter(rules, model.config.text_config.eos_token_id) for _ in range(len(decoder))]
    active = writers
    while True:
        choose_next(active, logits)
        left = [number for number, row in enumerate(active) if not row.ended]
        if not left:
            return [row.ids for row in writers]
        decoder.keep(left)
        active = [active[number] for number in left]
        logits = decoder.step([row.ids[-1] for row in active])


def search_beams(model: Any, batch: Mapping[str, Any], rules: TokenRules, num_beams: int) -> list[list[int]]:
    """Return each row's best sequence of a beam search; pages are encoded once however many beams there are.

    Raises:
        InputError: the batch is padded on the right, or the rules ask for sampling, which beams do not do.
    """
    if not bool(batch["attention_mask"][:, -1].all()):
        raise InputError("generation needs a batch padded on the left; make the collator with padding_side='left'")
    if rules.temperature > 0:
        raise InputError(
            "beam search takes the likeliest; use num_beams 1 with a temperature above 0", field="num_beams"
        )
    text = model.config.text_config
    settings = GenerationConfig(
        max_new_tokens=rules.max_new_tokens,
        min_new_tokens=rules.min_new_tokens or None,
        num_beams=num_beams,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=2 if text.pad_token_id is None else text.pad_token_id,
    )
    model.eval()
    with torch.inference_mode():
        ids = model.generate(
            inputs_embeds=prompt_embeddings(model, batch),
            attention_mask=batch["attention_mask"],
            generation_config=settings,
            past_key_values=DynamicCache(),
            logits_processor=LogitsProcessorList([_NoRepeatNgram(rules)] if rules.no_repeat_ngram_size else []),
        )
    return [_until_eos(row, text.eos_token_id) for row in ids.tolist()]


def _until_eos(ids: list[int], eos: int | None) -> list[int]:
    return ids[: ids.index(eos) + 1] if eos in ids else ids
