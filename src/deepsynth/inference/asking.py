"""One document from pages to summary: which prompts it takes, in how many rounds, and what the summary says of itself.

A job is a generator: it yields a round of prompts and is sent their answers, until it returns the summary. So whoever runs the
model decides what is written beside what, and no job knows of any other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.documents import DEFAULT_INSTRUCTION, Document, Example, SourcedSentence, Summary
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.data.tasks import BEHIND_TRANSCRIPT, READ
from deepsynth.inference.engine import Answer, EngineFacts, Prompt
from deepsynth.inference.parts import nearest_parts, share_out, split_text, written_from
from deepsynth.inference.writing import Writing
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.costing import legibility_floor

ROUNDS = 6
"""Summaries of summaries of ...: a document that needs more is joined from what its parts gave."""

TRANSCRIPT_TOKENS = 10
"""Room for what a model reads before it answers, in tokens for each visual token: denser pages are not read well anyway."""

Route = Literal["pages", "text", "auto"]


class Question(Config):
    """What is asked of a document, and how it is shown to the model."""

    instruction: str = Field(default=DEFAULT_INSTRUCTION, max_length=4000)
    """What is asked; `Read.` gives a transcript where the model has learned it."""
    mode: str = ""
    """Geometry of the pages; empty for that of the checkpoint."""
    route: Route = "pages"
    """How the model reads: pages; its text as it is; or auto: text where pages would cost as much or be illegible.

    A model that was trained on pages alone reads text badly, so pages are the default."""
    adapter: str = ""
    """Name of an adapter; empty for the model as it is."""
    max_pages: int | None = Field(default=None, ge=1)
    """Read no more pages of a document than this."""
    pages_per_prompt: int | None = Field(default=None, ge=1)
    """Show at most so many pages at once; without it, as many as the checkpoint is used to, and its window holds."""
    read_first: bool | None = None
    """Write down the page before answering: slower, and what was read can be checked. Without it, as the checkpoint does."""
    reduce: Literal["model", "join"] = "model"
    """Parts of a long document: the model summarizes their summaries, or these are joined as they are."""


class Asking(Question):
    """A question, and how the answer is written."""

    writing: Writing = Writing()
    """How the summary is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """Prompts that may be answered side by side."""

    prompts: Sequence[Prompt]
    shown: bool
    """Whether the answers, one after the other, are the summary's own text."""
    transcript_first: bool = False
    """Whether the first line of each answer is what the model read, and no part of the summary."""


Job = Generator[Round, list[Answer], Summary]
Draw = Callable[[Document, str], Example]
"""Draws a document with an instruction, in the mode of the job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What a job needs to know of the model and of drawing."""

    facts: EngineFacts
    count_text_tokens: Callable[[str], int]
    rendering: RenderConfig
    """Of the mode that is asked for."""
    draw: Draw


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A piece of a document that fits a prompt, and the pages that it stands for."""

    example: Example
    pages: tuple[int, ...]


def make_job(example: Example, asking: Asking, desk: Desk) -> Job:
    """Return the job of one document.

    Raises, when run:
        InputError: a page alone does not fit the model's window, or the text was asked for and is unknown.
    """
    route = choose_route(example, asking, desk)
    asking = _as_learned(asking, desk, route)
    shown = replace(example, pages=()) if route == "text" else example
    parts = _parts(shown, asking, desk)
    first = asked = yield from _ask(parts, asking, desk, shown=len(parts) == 1)
    spent, level = asked, list(zip(asked.answers, (part.pages for part in parts), strict=True))
    rounds = 1
    while len(level) > 1 and asking.reduce == "model" and rounds < ROUNDS:
        texts = [(answer.text, pages) for answer, pages in level if answer.text]
        if not texts:
            break
        joined = desk.draw(Document(id=example.id, text="\n".join(text for text, _ in texts)), asking.instruction)
        parts = _parts(replace(joined, pages=()) if route == "text" else joined, asking, desk)
        if len(parts) >= len(level):
            break
        last = len(parts) == 1
        asked = yield from _ask(parts, asking, desk, shown=last)
        spent += asked
        rounds += 1
        if last:
            sources = nearest_parts(asked.answers[0].text, texts)
            summary = _summary(example, asking, desk, route, asked.answers[0], spent, sources)
            return replace(summary, transcript=first.transcript)
        behind = tuple(sorted({page for _, pages in texts for page in pages}))
        level = [(answer, behind) for answer in asked.answers]
    return replace(_joined(example, asking, desk, route, level, spent), transcript=first.transcript)


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


def _ask(parts: Sequence[_Part], asking: Asking, desk: Desk, *, shown: bool) -> Generator[Round, list[Answer], _Asked]:
    """Return an answer to each part; those that ended in a loop are written once more where the settings say so."""
    prompts = [_prompt(part, asking, desk) for part in parts]
    stricter = asking.writing.stricter
    reading = bool(asking.read_first)
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


def choose_route(example: Example, asking: Asking, desk: Desk) -> Literal["pages", "text"]:
    """Return whether the model reads pages or text.

    Raises:
        InputError: the text was asked for, but the document has none that is known.
    """
    if asking.route == "pages":
        return "pages" if example.pages else "text"
    if example.text is None:
        if asking.route == "text":
            raise InputError(f"{example.id!r} has no text that is known; ask for route pages", field="route")
        return "pages"
    if asking.route == "text" or not example.pages:
        return "text"
    text_tokens = desk.count_text_tokens(example.text)
    legible = desk.rendering.px >= legibility_floor(example.text, desk.rendering)
    fits = text_tokens <= _budget(asking, desk)
    return "text" if fits and (not legible or sum(page_tokens(example, desk)) >= text_tokens) else "pages"


def page_tokens(example: Example, desk: Desk) -> list[int]:
    """Return what each page costs in the prompt."""
    geometry = mode(desk.rendering.mode)
    return [geometry.tokens(geometry.grid(*page.image.size)) for page in example.pages]


def _budget(asking: Asking, desk: Desk) -> int:
    """Return the tokens of a prompt that are left to the document."""
    around = 1 + desk.count_text_tokens("\n" + asking.instruction.strip())
    free = desk.facts.window - asking.writing.max_new_tokens - around
    return free // (1 + TRANSCRIPT_TOKENS) if _reads_aloud(asking) else free


def _reads_aloud(asking: Asking) -> bool:
    """Return whether a transcript is to be written, for which the room of a summary, where nobody said more, is too small."""
    said = "max_new_tokens" in asking.writing.model_fields_set
    return bool(asking.read_first) or (asking.instruction == READ and not said)


def _parts(example: Example, asking: Asking, desk: Desk) -> list[_Part]:
    budget = _budget(asking, desk)
    if not example.pages:
        assert example.text is not None
        if budget < 1:
            raise InputError(f"the instruction and {asking.writing.max_new_tokens} new tokens fill the whole window")
        pieces = split_text(example.text, budget, desk.count_text_tokens)
        return [_Part(example=replace(example, text=piece), pages=()) for piece in pieces]
    costs = page_tokens(example, desk)
    if max(costs) > budget:
        raise InputError(
            f"page {costs.index(max(costs)) + 1} of {example.id!r} takes {max(costs)} tokens in mode"
            f" {desk.rendering.mode}; the window of {desk.facts.window} leaves {max(budget, 0)}: ask for fewer new tokens"
            " or a smaller mode"
        )
    ranges = share_out(costs, budget, asking.pages_per_prompt)
    return [
        _Part(
            example=replace(example, pages=example.pages[part.start : part.stop]),
            pages=tuple(page.number for page in example.pages[part.start : part.stop]),
        )
        for part in ranges
    ]


def _prompt(part: _Part, asking: Asking, desk: Desk) -> Prompt:
    example = replace(part.example, instruction=asking.instruction)
    writing = asking.writing
    if _reads_aloud(asking) and example.pages:
        room = TRANSCRIPT_TOKENS * sum(page_tokens(part.example, desk))
        writing = writing.override({"max_new_tokens": min(8192, writing.max_new_tokens + room)})
    return Prompt(example=example, mode=desk.rendering.mode, writing=writing, adapter=asking.adapter)


def _joined(
    example: Example,
    asking: Asking,
    desk: Desk,
    route: str,
    level: Sequence[tuple[Answer, tuple[int, ...]]],
    spent: _Asked,
) -> Summary:
    text = "\n".join(answer.text for answer, _ in level if answer.text)
    sources = tuple(item for answer, pages in level for item in written_from(answer.text, pages))
    reasons = [answer.stop_reason for answer, _ in level]
    worst = next((reason for reason in ("repetition", "length", "stop") if reason in reasons), "eos")
    whole = replace(level[-1][0], text=text, stop_reason=worst)
    return _summary(example, asking, desk, route, whole, spent, sources)


def _summary(
    example: Example,
    asking: Asking,
    desk: Desk,
    route: str,
    last: Answer,
    spent: _Asked,
    sources: tuple[SourcedSentence, ...],
) -> Summary:
    answers = [*spent.answers, *spent.discarded]
    return Summary(
        document_id=example.id,
        text=last.text,
        prompt_tokens=sum(answer.prompt_tokens for answer in answers),
        visual_tokens=sum(answer.visual_tokens for answer in answers),
        generated_tokens=sum(answer.generated_tokens for answer in answers),
        seconds=spent.seconds,
        stop_reason=last.stop_reason,
        model=desk.facts.model,
        pages_used=len(example.pages) if route == "pages" else 0,
        text_tokens=desk.count_text_tokens(example.text) if example.text else None,
        mode=desk.rendering.mode if route == "pages" else "",
        route=route,
        adapter=asking.adapter,
        prompts=len(spent.answers),
        retries=len(spent.discarded),
        sources=sources,
    )
