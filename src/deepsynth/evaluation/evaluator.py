"""A model on a data set: predictions that survive a crash, and what tells whether the model reads.

Examples are drawn batch by batch, so a benchmark of any size fits in memory. Batches are always the same slices of the data: a
run that was killed goes on with the batch that it had not finished, and writes what an unbroken run would have written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from deepsynth.core.control import Control
from deepsynth.core.documents import Example, Progress, Score, Summary
from deepsynth.core.errors import InputError, Paused
from deepsynth.core.files import write_bytes
from deepsynth.core.progress import Reporter
from deepsynth.data.collate import Collator
from deepsynth.data.tasks import READ, reading_first, transcript
from deepsynth.evaluation.metrics import Scores, score_readings
from deepsynth.evaluation.predictions import ENDING, append_predictions, read_predictions
from deepsynth.evaluation.uncertainty import Difference, bootstrap_all, paired_difference
from deepsynth.inference.summarizer import Summarizer, Writing
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.png import encode_png

PAGES = "pages"
ROOM_FOR_INSTRUCTION = 64
"""Tokens kept free for the instruction when a text is put into the prompt."""


class Examples(Protocol):
    """Examples by index, made when they are asked for; a list of them will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example: ...


@dataclass(frozen=True, slots=True)
class Changed:
    """Examples with each one changed when it is asked for."""

    examples: Examples
    change: Callable[[int, Example], Example]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int, /) -> Example:
        return self.change(index, self.examples[index])


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

        `writing` replaces the evaluator's own; with `keep_pages`, each page's picture is kept (see `page_path`).

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
        limit = round(1.25 * longest) + 8
        read = self.write(asked, name, writing=self.writing.model_copy(update={"max_new_tokens": limit}))
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

        def shown(example: Example) -> Example:
            first = replace(example, pages=example.pages[:most])
            return replace(first, text=_shown(first, example.text)) if example.text else first

        return Changed(examples, lambda _, example: shown(example))

    def losses(self, examples: Examples) -> Scores:
        """Return each row's mean loss per label token, in nats.

        A model that reads before it answers is asked as it has learned: its labels are the row's text and the summary.
        """
        return self._losses(self._as_asked(examples))

    def _as_asked(self, examples: Examples) -> Examples:
        habits = self.summarizer.engine.facts.habits
        if not habits.read_first:
            return examples
        return Changed(examples, lambda _, example: _read_first(example, keep_lines=habits.keep_lines))

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


def _read_first(example: Example, *, keep_lines: bool) -> Example:
    """Return an example whose answer starts with what stands on its pages, where that is known."""
    if not example.text or example.summary is None:
        return example
    read = transcript(example.text, example.pages if keep_lines else ())
    instruction, answer = reading_first(example.instruction, read, example.summary)
    return replace(example, instruction=instruction, summary=answer)


def page_text(example: Example, *, keep_lines: bool = False) -> str:
    """Return what stands on an example's pages, words parted by single blanks; with `keep_lines` those that a line breaks too.

    Raises:
        InputError: the row has no text.
    """
    if not example.text:
        raise InputError(f"row {example.id!r} has no text, so what was read cannot be compared")
    if keep_lines and all(page.lines for page in example.pages):
        return " ".join(transcript(example.text, example.pages).split())
    return " ".join(_shown(example, example.text).split())


def _shown(example: Example, text: str) -> str:
    """Return the text up to the end of the example's pages: they may have been limited, so that the rest was never shown."""
    span = example.pages[-1].span if example.pages else None
    return text if span is None else normalize_text(text)[: span[1]]


def with_other_pages(examples: Examples) -> Examples:
    """Return the rows, each with the pages of the row before it: what a model that does not look would not notice.

    Raises:
        InputError: fewer than two rows: there is no other page to show.
    """
    if len(examples) < 2:
        raise InputError("permuting pages needs at least two rows")
    return Changed(examples, lambda number, example: replace(example, pages=examples[number - 1].pages))


def as_text(examples: Examples, cut: Callable[[int, str], str]) -> Examples:
    """Return the rows without pages: the decoder reads the text itself, cut by `cut` (row number, text)."""

    def change(number: int, example: Example) -> Example:
        if not example.text:
            raise InputError(f"row {example.id!r} has no text to read instead of its pages")
        return replace(example, pages=(), text=cut(number, example.text))

    return Changed(examples, change)


def cut_to_tokens(text: str, tokens: int, count: Callable[[str], int]) -> str:
    """Return the longest beginning of `text` that `count` gives at most so many tokens; at least one character."""
    if count(text) <= tokens:
        return text
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= tokens else (low, middle - 1)
    return text[:low]


def page_path(row: int, page: int) -> str:
    """Return where the picture of a page lies, relative to the evaluation's folder."""
    return f"{PAGES}/{row:06}-{page:03}.png"


def save_pages(folder: Path, first: int, examples: Sequence[Example]) -> list[list[str]]:
    """Write the picture of every page below `folder`, rows counted from `first`; return their names, row by row.

    A page that is there encoded has no picture.
    """
    names: list[list[str]] = []
    for row, example in enumerate(examples, first):
        names.append([page_path(row, page.number) for page in example.pages])
        for page, name in zip(example.pages, names[-1], strict=True):
            write_bytes(folder / name, encode_png(page.image))
    return names
