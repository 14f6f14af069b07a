"""What is asked of a document: the settings of a question, and how its answer is written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.documents import DEFAULT_INSTRUCTION
from deepsynth.inference.writing import Writing

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
