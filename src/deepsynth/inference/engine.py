"""The seam between summaries and whatever runs the model: prompts go in, text comes out piece by piece.

Implementations: `TransformersEngine` (in this process, the default) and `VllmEngine` (a server that speaks OpenAI's protocol).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from deepsynth.core.documents import Example
from deepsynth.core.errors import DeepSynthError
from deepsynth.inference.habits import Habits
from deepsynth.inference.writing import Writing


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What the model is asked at once: pages or text, and how the answer is written."""

    example: Example
    mode: str
    """Geometry of the pages; it counts for nothing where there are none."""
    writing: Writing = field(default_factory=Writing)
    adapter: str = ""
    """Name of an adapter; empty for the model as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the model wrote."""

    text: str
    generated_tokens: int
    prompt_tokens: int
    visual_tokens: int
    stop_reason: str
    seconds: float
    """From the moment the prompt was read to the last token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrote:
    """More text of a prompt; all pieces join to the answer's text."""

    id: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A prompt is answered."""

    id: int
    answer: Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A prompt cannot be answered; the others go on."""

    id: int
    error: DeepSynthError


Event = Wrote | Finished | Failed


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFacts:
    """What an engine says of its model."""

    model: str
    modes: tuple[str, ...]
    """Those that fit; the usual one first."""
    window: int
    """Tokens of prompt and answer together."""
    adapters: tuple[str, ...] = ()
    parameters: int | None = None
    device: str = ""
    habits: Habits = field(default_factory=Habits)


class Engine(Protocol):
    """Runs a model. Used under one thread."""

    facts: EngineFacts
    max_rows: int
    """Prompts that may be written at once."""

    def submit(self, identity: int, prompt: Prompt) -> None:
        """Take a prompt; its events carry `identity`. What is wrong with it comes as a `Failed` event."""
        ...

    def cancel(self, identity: int) -> None:
        """Forget a prompt; an unknown one is ignored. No event follows."""
        ...

    def step(self) -> list[Event]:
        """Do a piece of work and return what it brought; an empty list means only that nothing is new yet."""
        ...

    @property
    def load(self) -> tuple[int, int]:
        """How many prompts are being written and how many wait."""
        ...

    def count_text_tokens(self, text: str) -> int:
        """Return the tokens that `text` costs as text."""
        ...

    def close(self) -> None:
        """Give back what the engine holds."""
        ...
