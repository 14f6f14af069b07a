r"""An example as DeepSeek-OCR reads it: BOS, placeholders of the pages, line break and instruction, summary, EOS.

The form is the official prompt ("<image>\nFree OCR.") with our instruction: no roles, no blank before the answer.
Pieces are encoded one by one, so the ids of the instruction do not depend on what stands next to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepsynth.core.documents import EncodedPage, Example
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import Mode
from deepsynth.core.processor import IGNORED, EncodedExample, Ids, PageViews
from deepsynth.models.family import TokenCodec
from deepsynth.rendering.views import page_views


class DeepseekOcrProcessor:
    """The `Processor` of both DeepSeek-OCR families, for one tokenizer and mode."""

    def __init__(self, mode: Mode, tokenizer: TokenCodec) -> None:
        """`mode` decides views and counts of visual tokens."""
        self.mode = mode
        self.tokenizer = tokenizer
        self.pad_token_id = tokenizer.pad_token_id
        self.eos_token_id = tokenizer.eos_token_id

    def encode(self, example: Example, *, with_summary: bool = True, max_length: int | None = None) -> EncodedExample:
        """Return the prompt, followed by the summary and EOS when `with_summary` (see `Processor.encode`)."""
        views = example.encoded_pages or tuple(page_views(page.image, self.mode) for page in example.pages)
        prompt = self.prompt(example, views)
        if max_length is not None and len(prompt) + with_summary > max_length:
            raise InputError(
                f"the prompt of example {example.id!r} in mode {self.mode.name!r} takes {len(prompt)} tokens"
                f" ({sum(view.tokens for view in views)} of them visual) and leaves no room in max_length {max_length}"
            )
        answer = self._answer(example) if with_summary else []
        ids = np.asarray([*prompt, *answer][:max_length], dtype=np.int64)
        labels = ids.copy()
        labels[: len(prompt)] = IGNORED
        mask = np.zeros(len(ids), dtype=np.bool_)
        mask[1 : 1 + sum(view.tokens for view in views)] = True
        return EncodedExample(id=example.id, input_ids=ids, labels=labels, image_token_mask=mask, views=views)

    def prompt(self, example: Example, views: Sequence[PageViews | EncodedPage]) -> list[int]:
        """Return the ids before the summary: pages as placeholders, or the text itself for a row without pages."""
        pages = [self.tokenizer.image_token_id] * sum(view.tokens for view in views)
        text = "" if views else (example.text or "")
        return [
            self.tokenizer.bos_token_id,
            *pages,
            *self.tokenizer.encode(text),
            *self.tokenizer.encode("\n" + example.instruction.strip()),
        ]

    def _answer(self, example: Example) -> list[int]:
        if example.summary is None:
            raise InputError(f"example {example.id!r} has no summary to learn from")
        return [*self.tokenizer.encode(example.summary.strip()), self.eos_token_id]

    def decode(self, ids: Ids | list[int]) -> str:
        """Return the text of generated ids, special tokens left out."""
        return self.tokenizer.decode([int(item) for item in ids])

    def count_text_tokens(self, text: str) -> int:
        """Return the tokens that `text` would cost as text."""
        return len(self.tokenizer.encode(text))
