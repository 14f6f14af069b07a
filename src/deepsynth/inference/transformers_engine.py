"""The model in this process, writing many prompts side by side: one that waits enters as soon as there is room.

Who enters beside whom is decided in `admission`; here rows are read, written token by token, and let go.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

from deepsynth.core.errors import DeepSynthError, InputError
from deepsynth.core.processor import Processor
from deepsynth.data.collate import Collator
from deepsynth.inference.adapters import AdapterSet
from deepsynth.inference.admission import Row, admit, alike
from deepsynth.inference.engine import Answer, EngineFacts, Event, Failed, Finished, Prompt, Wrote
from deepsynth.inference.habits import habits_of
from deepsynth.inference.stopping import TextStream, is_looping
from deepsynth.inference.writing import Writing
from deepsynth.models import LoadedModel
from deepsynth.models.family import Decoding, TokenRules
from deepsynth.models.generation import RowWriter, choose_next

MAX_ROWS = 16
MAX_TOKENS = 32_768
"""Rows times the length of the longest: what the cache of keys and values may hold."""


class TransformersEngine:
    """An `Engine` over a loaded model."""

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        name: str = "",
        adapters: AdapterSet | None = None,
        max_rows: int = MAX_ROWS,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """`max_rows` prompts are written at once at most, fewer when they are long (see `MAX_TOKENS`)."""
        self.loaded, self.max_rows, self.max_tokens = loaded, max_rows, max_tokens
        self._adapters = adapters or AdapterSet(loaded)
        self._processors: dict[str, Processor] = {}
        self._allowed: dict[tuple[str, ...], frozenset[int]] = {}
        self._waiting: list[Row] = []
        self._rows: list[Row] = []
        self._failed: list[Event] = []
        self._logits: torch.Tensor | None = None
        self._decoder: Decoding = loaded.family.decoder(loaded.model)
        parameter = next(loaded.model.parameters())
        self._device = parameter.device
        self.facts = EngineFacts(
            model=name,
            modes=tuple(loaded.family.modes(loaded.model)),
            window=loaded.model.config.text_config.max_position_embeddings,
            adapters=self._adapters.names,
            parameters=sum(item.numel() for item in loaded.model.parameters()),
            device=str(parameter.device),
            habits=habits_of(loaded.tokenizer),
        )

    def processor(self, mode: str) -> Processor:
        """Return the processor of a mode.

        Raises:
            SettingsError: the mode does not fit the model.
        """
        if mode not in self._processors:
            self._processors[mode] = self.loaded.family.processor(self.loaded, mode)
        return self._processors[mode]

    @property
    def load(self) -> tuple[int, int]:
        """How many prompts are being written and how many wait."""
        return len(self._rows), len(self._waiting)

    def count_text_tokens(self, text: str) -> int:
        """Return the tokens that `text` costs as text."""
        return self.processor(self.facts.modes[0]).count_text_tokens(text)

    def submit(self, identity: int, prompt: Prompt) -> None:
        """Take a prompt (see `Engine.submit`)."""
        try:
            self._waiting.append(self._row(identity, prompt))
        except DeepSynthError as error:
            self._failed.append(Failed(id=identity, error=error))

    def cancel(self, identity: int) -> None:
        """Forget a prompt, also one that is being written."""
        self._waiting = [row for row in self._waiting if row.identity != identity]
        self._keep([number for number, row in enumerate(self._rows) if row.identity != identity])

    def close(self) -> None:
        """Forget all prompts."""
        self._waiting.clear()
        self._keep([])

    def step(self) -> list[Event]:
        """Let prompts in, write one token of each row, and let those go that are done."""
        events, self._failed = self._failed, []
        admitted = self._admit()
        if admitted and admitted[0].beams > 1:
            return events + self._search(admitted)
        if admitted:
            self._join(admitted)
        if self._rows:
            events += self._write()
        return events

    def _row(self, identity: int, prompt: Prompt) -> Row:
        self._adapters.check(prompt.adapter)
        processor, writing = self.processor(prompt.mode), prompt.writing
        encoded = processor.encode(prompt.example, with_summary=False)
        if len(encoded.input_ids) + writing.max_new_tokens > self.facts.window:
            raise InputError(
                f"{prompt.example.id!r} takes {len(encoded.input_ids)} tokens and leaves no room for"
                f" {writing.max_new_tokens} new ones in the model's window of {self.facts.window}"
            )
        rules = token_rules(writing, self._allowed_tokens(writing.repetition_allowed))
        return Row(
            identity=identity,
            prompt=prompt,
            encoded=encoded,
            writer=RowWriter(rules, processor.eos_token_id),
            stream=TextStream(processor.decode, writing.stop),
        )

    def _allowed_tokens(self, texts: tuple[str, ...]) -> frozenset[int]:
        """Return the ids of those texts that are one token each."""
        if texts not in self._allowed:
            assert self.loaded.tokenizer is not None  # the processor asked for it
            known = (self.loaded.tokenizer.token_id(text) for text in texts)
            self._allowed[texts] = frozenset(found for found in known if found is not None)
        return self._allowed[texts]

    def _admit(self) -> list[Row]:
        admitted = admit(self._waiting, self._rows, max_rows=self.max_rows, max_tokens=self.max_tokens)
        self._waiting = [row for row in self._waiting if row not in admitted]
        return admitted

    def _join(self, admitted: list[Row]) -> None:
        if not self._rows:
            self._adapters.switch(admitted[0].prompt.adapter)
        for group in alike(admitted):
            now = time.perf_counter()
            logits = self._decoder.join(self._batch(group))
            self._logits = logits if self._logits is None else torch.cat([self._logits, logits])
            for row in group:
                row.began = now
            self._rows += group

    def _batch(self, rows: list[Row]) -> Mapping[str, object]:
        collate = Collator(self.processor(rows[0].prompt.mode), padding_side="left", with_summary=False)
        return collate.collate([row.encoded for row in rows]).to(self._device).as_mapping()

    def _write(self) -> list[Event]:
        assert self._logits is not None
        choose_next([row.writer for row in self._rows], self._logits)
        events: list[Event] = []
        going: list[int] = []
        for number, row in enumerate(self._rows):
            more = row.stream.feed(row.writer.ids)
            if more:
                events.append(Wrote(id=row.identity, text=more))
            if self._reason(row) is None:
                going.append(number)
            else:
                events += self._finish(row)
        self._keep(going)
        if self._rows:
            self._logits = self._decoder.step([row.writer.ids[-1] for row in self._rows])
        return events

    def _reason(self, row: Row) -> str | None:
        ids, writing = row.writer.ids, row.prompt.writing
        if ids[-1] == self.processor(row.prompt.mode).eos_token_id:
            return "eos"
        if row.stream.stopped:
            return "stop"
        if is_looping(ids, writing, row.writer.rules.no_repeat_allowed):
            return "repetition"
        return "length" if row.writer.ended else None

    def _finish(self, row: Row) -> list[Event]:
        rest, text = row.stream.finish(row.writer.ids)
        answer = Answer(
            text=text,
            generated_tokens=len(row.writer.ids),
            prompt_tokens=len(row.encoded.input_ids),
            visual_tokens=int(row.encoded.image_token_mask.sum()),
            stop_reason=self._reason(row) or "length",
            seconds=time.perf_counter() - row.began,
        )
        shown: list[Event] = [Wrote(id=row.identity, text=rest)] if rest else []
        return [*shown, Finished(id=row.identity, answer=answer)]

    def _keep(self, numbers: list[int]) -> None:
        if len(numbers) == len(self._rows):
            return
        self._rows = [self._rows[number] for number in numbers]
        self._decoder.keep(numbers)
        self._logits = None if self._logits is None or not numbers else self._logits[numbers]

    def _search(self, rows: list[Row]) -> list[Event]:
        """Write rows by beam search, from beginning to end: beams cannot be joined or shown on the way."""
        self._adapters.switch(rows[0].prompt.adapter)
        began = time.perf_counter()
        family, first = self.loaded.family, rows[0]
        found = family.search_beams(
            self.loaded.model, self._batch(rows), first.writer.rules, first.prompt.writing.num_beams
        )
        events: list[Event] = []
        for row, ids in zip(rows, found, strict=True):
            row.began = began
            row.writer.ids[:] = ids
            events += self._finish(row)
        return events


def token_rules(writing: Writing, allowed: frozenset[int]) -> TokenRules:
    """Return what of the settings the choice of the next token needs."""
    return TokenRules(
        max_new_tokens=writing.max_new_tokens,
        min_new_tokens=writing.min_new_tokens,
        temperature=writing.temperature,
        top_p=writing.top_p,
        seed=writing.seed,
        no_repeat_ngram_size=writing.no_repeat_ngram_size,
        no_repeat_ngram_window=writing.no_repeat_ngram_window,
        no_repeat_allowed=allowed,
    )
