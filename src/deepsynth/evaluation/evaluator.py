"""A model on a data set: predictions that survive a crash, and what tells whether the model reads.

Examples are drawn batch by batch, so a benchmark of any size fits in memory. Batches are always the same slices of the data: a
run that was killed goes on with the batch that it had not finished, and writes what an unbroken run would have written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsynth.core.control import Control
from deepsynth.core.documents import Example, Progress, Score, Summary
from deepsynth.core.errors import Paused
from deepsynth.core.progress import Reporter
from deepsynth.data.collate import Collator
from deepsynth.data.tasks import READ
from deepsynth.evaluation.metrics import Scores, score_readings
from deepsynth.evaluation.page_files import save_pages
from deepsynth.evaluation.predictions import ENDING, append_predictions, read_predictions
from deepsynth.evaluation.uncertainty import Difference, bootstrap_all, paired_difference
from deepsynth.evaluation.variants import Changed, Examples, first_pages, page_text, reading_aloud, with_other_pages
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing

ROOM_FOR_INSTRUCTION = 64
"""Tokens kept free for the instruction when a text is put into the prompt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How well a model reads pages aloud."""

    scores: Mapping[str, Score]
    rows: Sequence[Mapping[str, Any]]
    """One mapping a page: id, text, transcript, and how the model stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageUse:
    """What a reference summary costs the model in nats a token, with its own pages and with another row's."""

    own: Score
    other: Score
    difference: Difference
    """The other's less the own, row by row: what looking at the page is worth."""


def transcript_limit(tokens: int) -> int:
    """Return the tokens that a transcript of `tokens` text tokens may have: a quarter more, since a model may misread."""
    return round(1.25 * tokens) + 8


class Evaluator:
    """Evaluates one summarizer; predictions are kept in `folder` and not made again."""

    def __init__(
        self,
        summarizer: Summarizer,
        folder: Path,
        reporter: Reporter,
        *,
        batch_size: int = 32,
        writing: Writing | None = None,
        control: Control | None = None,
    ) -> None:
        self.summarizer, self.folder = summarizer, folder
        self._reporter, self._control = reporter, control or Control()
        self._batch_size, self.writing = batch_size, writing or Writing()

    def write(
        self, examples: Examples, name: str = "summaries", *, writing: Writing | None = None, keep_pages: bool = False
    ) -> list[Summary]:
        """Return one summary a row; those made in an earlier, interrupted run are read from the folder.

        `writing` replaces the evaluator's own; with `keep_pages`, each page's picture is kept (see `page_files`).

        Raises:
            Paused: a pause was asked for; what was written is kept.
        """
        path, writing = self.folder / f"{name}{ENDING}", writing or self.writing
        known = read_predictions(path)
        keys: list[str] = []
        for part in self._batches(examples):
            if self._control.should_pause():
                raise Paused(f"paused with {len(keys)} of {len(examples)} {name} written; run it again to go on")
            wanted = [self._key(example, writing) for example in part]
            if not all(key in known for key in wanted):
                if keep_pages:
                    save_pages(self.folder, len(keys), part)
                made = dict(zip(wanted, self.summarizer.write(
                    part, batch_size=self._batch_size, writing=writing
                ), strict=True))  # fmt: skip
                found = {key: summary for key, summary in made.items() if key not in known}
                append_predictions(path, found)
                known |= found
            keys += wanted
            self._reporter.progress(Progress(done=len(keys), total=len(examples), message=f"writing {name}"))
        return [known[key] for key in keys]

    def predict(self, examples: Examples, name: str = "summaries") -> list[str]:
        """Return the text of each summary (see `write`)."""
        return [summary.text for summary in self.write(examples, name)]

    def read_pages(self, examples: Examples, name: str = "transcripts") -> Reading:
        """Ask the model to read each page, and count its errors; it may write as much as the longest page holds.

        Raises:
            InputError: a row has no text to compare with.
        """
        keep_lines = self.summarizer.engine.facts.habits.keep_lines
        texts = [page_text(examples[number], keep_lines=keep_lines) for number in range(len(examples))]
        longest = max((self.summarizer.processor.count_text_tokens(text) for text in texts), default=0)
        asked = Changed(examples, lambda _, example: replace(example, instruction=READ, summary=None))
        writing = self.writing.model_copy(update={"max_new_tokens": transcript_limit(longest)})
        read = self.write(asked, name, writing=writing)
        # as the texts are; otherwise with a line for each prompt, or for each line of the page
        transcripts = [" ".join(summary.text.split()) for summary in read]
        scores = bootstrap_all(score_readings(transcripts, texts))
        rows = [
            {"id": summary.document_id, "text": text, "transcript": summary.text, "stop_reason": summary.stop_reason}
            for summary, text in zip(read, texts, strict=True)
        ]
        return Reading(scores=scores, rows=rows)

    def text_room(self) -> int:
        """Return the text tokens that fit before an answer: what the decoder holds, less instruction and summary."""
        return self.positions() - self.writing.max_new_tokens - ROOM_FOR_INSTRUCTION

    def positions(self) -> int:
        """Return the tokens that the decoder holds, prompt and answer together."""
        return self.summarizer.loaded.model.config.text_config.max_position_embeddings

    def page_use(self, examples: Examples) -> PageUse:
        """Return what a summary costs with its own pages and with those of the row before, row by row.

        Raises:
            InputError: fewer than two rows: there is no other page to show.
        """
        examples = self._as_asked(self._in_one_prompt(examples))  # before pages change places: answers name their lines
        own, other = self._losses(examples), self._losses(with_other_pages(examples))
        scores = bootstrap_all({"own": own, "other": other})
        return PageUse(own=scores["own"], other=scores["other"], difference=paired_difference(other, own))

    def _in_one_prompt(self, examples: Examples) -> Examples:
        """Return the rows with no more pages than the model has learned to see at once, and the text on those."""
        most = self.summarizer.engine.facts.habits.pages_per_prompt
        if most is None:
            return examples
        return Changed(examples, lambda _, example: first_pages(example, most))

    def losses(self, examples: Examples) -> Scores:
        """Return each row's mean loss per label token, in nats.

        A model that reads before it answers is asked as it has learned: its labels are the row's text and the summary.
        """
        return self._losses(self._as_asked(examples))

    def _as_asked(self, examples: Examples) -> Examples:
        habits = self.summarizer.engine.facts.habits
        if not habits.read_first:
            return examples
        return Changed(examples, lambda _, example: reading_aloud(example, keep_lines=habits.keep_lines))

    def _losses(self, examples: Examples) -> Scores:
        loaded = self.summarizer.loaded
        collate = Collator(self.summarizer.processor)
        device = next(loaded.model.parameters()).device
        found: list[float] = []
        with torch.inference_mode():
            for number in range(len(examples)):
                batch = collate([examples[number]]).to(device).as_mapping()
                output = loaded.family.forward(loaded.model, batch, reduction="mean")
                assert output.loss is not None
                found.append(float(output.loss))
                if (number + 1) % self._batch_size == 0 or number + 1 == len(examples):
                    self._reporter.progress(
                        Progress(done=number + 1, total=len(examples), message="measuring the loss")
                    )
        return np.array(found)

    def _batches(self, examples: Examples) -> Iterator[list[Example]]:
        for start in range(0, len(examples), self._batch_size):
            yield [examples[number] for number in range(start, min(start + self._batch_size, len(examples)))]

    def _key(self, example: Example, writing: Writing) -> str:
        """Return what a prediction depends on: model, pages or text, instruction and how it writes."""
        facts = (self.summarizer.fingerprint, self.summarizer.processor.mode.name, example.instruction, writing)
        digest = hashlib.sha256(repr(facts).encode())
        for page in example.pages:
            digest.update(page.image.tobytes())
        if not example.pages:
            digest.update((example.text or "").encode("utf-8", "surrogatepass"))
        return f"{example.id}:{digest.hexdigest()[:16]}"
