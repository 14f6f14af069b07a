"""One document from pages to summary: which prompts it takes, in how many rounds, and what the summary says of itself.

A job is a generator: it yields a round of prompts and is sent their answers, until it returns the summary. So whoever runs the
model decides what is written beside what, and no job knows of any other.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepsynth.core.documents import Document, Example, SourcedSentence, Summary
from deepsynth.data.tasks import BEHIND_TRANSCRIPT, READ
from deepsynth.inference.asking import Asking
from deepsynth.inference.engine import Answer, Prompt
from deepsynth.inference.fitting import Desk, Part, choose_route, make_parts, make_prompt
from deepsynth.inference.parts import nearest_parts, written_from

ROUNDS = 6
"""Summaries of summaries of ...: a document that needs more is joined from what its parts gave."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """Prompts that may be answered side by side."""

    prompts: Sequence[Prompt]
    shown: bool
    """Whether the answers, one after the other, are the summary's own text."""
    transcript_first: bool = False
    """Whether the first line of each answer is what the model read, and no part of the summary."""


Job = Generator[Round, list[Answer], Summary]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What the model answered, and what that took."""

    answers: list[Answer]
    seconds: float
    discarded: tuple[Answer, ...] = ()
    """Texts that went round in a circle and were written once more."""
    transcript: str = ""
    """What was read before the answers, a line for each."""

    def __add__(self, other: _Asked) -> _Asked:
        return _Asked(
            answers=self.answers + other.answers,
            seconds=self.seconds + other.seconds,
            discarded=self.discarded + other.discarded,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """A document that is being summarized, and how."""

    example: Example
    asking: Asking
    desk: Desk
    route: Literal["pages", "text"]

    def parts(self, example: Example) -> list[Part]:
        """Return an example in pieces that fit a prompt each, read in the way of this task."""
        return make_parts(replace(example, pages=()) if self.route == "text" else example, self.asking, self.desk)

    def parts_of_texts(self, texts: Sequence[str]) -> list[Part]:
        """Return what was written about parts as pieces to be summarized once more; none where nothing was written."""
        if not texts:
            return []
        document = Document(id=self.example.id, text="\n".join(texts))
        return self.parts(self.desk.draw(document, self.asking.instruction))

    def summary(self, last: Answer, spent: _Asked, sources: tuple[SourcedSentence, ...], transcript: str) -> Summary:
        """Return the summary whose text is `last`'s, with all that it cost."""
        answers = [*spent.answers, *spent.discarded]
        on_pages = self.route == "pages"
        text = self.example.text
        return Summary(
            document_id=self.example.id,
            text=last.text,
            prompt_tokens=sum(answer.prompt_tokens for answer in answers),
            visual_tokens=sum(answer.visual_tokens for answer in answers),
            generated_tokens=sum(answer.generated_tokens for answer in answers),
            seconds=spent.seconds,
            stop_reason=last.stop_reason,
            model=self.desk.facts.model,
            pages_used=len(self.example.pages) if on_pages else 0,
            text_tokens=self.desk.count_text_tokens(text) if text else None,
            mode=self.desk.rendering.mode if on_pages else "",
            route=self.route,
            adapter=self.asking.adapter,
            prompts=len(spent.answers),
            retries=len(spent.discarded),
            sources=sources,
            transcript=transcript,
        )


def make_job(example: Example, asking: Asking, desk: Desk) -> Job:
    """Return the job of one document.

    Raises, when run:
        InputError: a page alone does not fit the model's window, or the text was asked for and is unknown.
    """
    route = choose_route(example, asking, desk)
    task = _Task(example=example, asking=_as_learned(asking, desk, route), desk=desk, route=route)
    parts = task.parts(example)
    first = asked = yield from _ask(parts, task, shown=len(parts) == 1)
    spent, level = asked, list(zip(asked.answers, (part.pages for part in parts), strict=True))
    rounds = 1
    while len(level) > 1 and task.asking.reduce == "model" and rounds < ROUNDS:
        texts = [(answer.text, pages) for answer, pages in level if answer.text]
        parts = task.parts_of_texts([text for text, _ in texts])
        if not 0 < len(parts) < len(level):
            break  # nothing was written, or no less than before: another round would bring no end nearer
        last = len(parts) == 1
        asked = yield from _ask(parts, task, shown=last)
        spent += asked
        rounds += 1
        if last:
            sources = nearest_parts(asked.answers[0].text, texts)
            return task.summary(asked.answers[0], spent, sources, first.transcript)
        behind = tuple(sorted({page for _, pages in texts for page in pages}))
        level = [(answer, behind) for answer in asked.answers]
    sources = tuple(item for answer, pages in level for item in written_from(answer.text, pages))
    return task.summary(_joined([answer for answer, _ in level]), spent, sources, first.transcript)


def _ask(parts: Sequence[Part], task: _Task, *, shown: bool) -> Generator[Round, list[Answer], _Asked]:
    """Return an answer to each part; those that ended in a loop are written once more where the settings say so."""
    prompts = [make_prompt(part, task.asking, task.desk) for part in parts]
    stricter = task.asking.writing.stricter
    reading = bool(task.asking.read_first)
    answers = yield Round(prompts=prompts, shown=shown and stricter is None, transcript_first=reading)
    seconds = max(answer.seconds for answer in answers)
    looping = [number for number, answer in enumerate(answers) if answer.stop_reason == "repetition"]
    if stricter is None or not looping:
        return _told(answers, seconds, reading=reading)
    again = yield Round(prompts=[replace(prompts[number], writing=stricter) for number in looping], shown=False)
    better = dict(zip(looping, again, strict=True))
    chosen = [better.get(number, answer) for number, answer in enumerate(answers)]
    told = _told(chosen, seconds + max(answer.seconds for answer in again), reading=reading)
    return replace(told, discarded=tuple(answers[number] for number in looping))


def _told(answers: list[Answer], seconds: float, *, reading: bool) -> _Asked:
    transcript, texts = _transcripts(answers) if reading else ("", answers)
    return _Asked(answers=texts, seconds=seconds, transcript=transcript)


def _as_learned(asking: Asking, desk: Desk, route: str) -> Asking:
    """Return the settings with those of the checkpoint where nothing was said."""
    habits = desk.facts.habits
    wanted = habits.read_first if asking.read_first is None else asking.read_first
    reading = wanted and route == "pages" and not asking.instruction.startswith(READ)
    changes: dict[str, object] = {"read_first": reading}
    if reading:
        changes["instruction"] = f"{READ} {asking.instruction}"
    if asking.pages_per_prompt is None and route == "pages":
        changes["pages_per_prompt"] = habits.pages_per_prompt
    return asking.model_copy(update=changes)


def _transcripts(answers: Sequence[Answer]) -> tuple[str, list[Answer]]:
    """Return what was read, and the answers without it. An answer that never came behind the empty line is empty."""
    pieces = [answer.text.partition(BEHIND_TRANSCRIPT) for answer in answers]
    rest = [replace(answer, text=text) for answer, (_, _, text) in zip(answers, pieces, strict=True)]
    return "\n".join(read for read, _, _ in pieces), rest


def _joined(answers: Sequence[Answer]) -> Answer:
    """Return answers as one text, with the worst of the reasons for which they ended."""
    reasons = [answer.stop_reason for answer in answers]
    worst = next((reason for reason in ("repetition", "length", "stop") if reason in reasons), "eos")
    return replace(answers[-1], text="\n".join(answer.text for answer in answers if answer.text), stop_reason=worst)
