"""How a document is put before the model: as pages or as text, and in how many prompts so that each fits the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from deepsynth.core.documents import Document, Example
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.data.tasks import READ
from deepsynth.inference.asking import Asking
from deepsynth.inference.engine import EngineFacts, Prompt
from deepsynth.inference.parts import share_out, split_text
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.costing import legibility_floor

TRANSCRIPT_TOKENS = 10
"""Room for what a model reads before it answers, in tokens for each visual token: denser pages are not read well anyway."""
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
class Part:
    """A piece of a document that fits a prompt, and the pages that it stands for."""

    example: Example
    pages: tuple[int, ...]


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


def make_parts(example: Example, asking: Asking, desk: Desk) -> list[Part]:
    """Return a document in as few pieces as fit a prompt each.

    Raises:
        InputError: a page alone does not fit the window, or nothing does; says what to ask for instead.
    """
    budget = _budget(asking, desk)
    if not example.pages:
        assert example.text is not None
        if budget < 1:
            raise InputError(
                f"the instruction and {asking.writing.max_new_tokens} new tokens fill the whole window of"
                f" {desk.facts.window}; ask for fewer new tokens"
            )
        pieces = split_text(example.text, budget, desk.count_text_tokens)
        return [Part(example=replace(example, text=piece), pages=()) for piece in pieces]
    costs = page_tokens(example, desk)
    if max(costs) > budget:
        raise InputError(
            f"page {costs.index(max(costs)) + 1} of {example.id!r} takes {max(costs)} tokens in mode"
            f" {desk.rendering.mode}; the window of {desk.facts.window} leaves {max(budget, 0)}: ask for fewer new tokens"
            " or a smaller mode"
        )
    ranges = share_out(costs, budget, asking.pages_per_prompt)
    return [
        Part(
            example=replace(example, pages=example.pages[part.start : part.stop]),
            pages=tuple(page.number for page in example.pages[part.start : part.stop]),
        )
        for part in ranges
    ]


def make_prompt(part: Part, asking: Asking, desk: Desk) -> Prompt:
    """Return what the model is asked about a part; a transcript has room beside the answer where one is written first."""
    example = replace(part.example, instruction=asking.instruction)
    writing = asking.writing
    if _reads_aloud(asking) and example.pages:
        room = TRANSCRIPT_TOKENS * sum(page_tokens(part.example, desk))
        writing = writing.override({"max_new_tokens": min(8192, writing.max_new_tokens + room)})
    return Prompt(example=example, mode=desk.rendering.mode, writing=writing, adapter=asking.adapter)
