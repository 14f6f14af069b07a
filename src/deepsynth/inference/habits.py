"""How a checkpoint has learned to be asked: used wherever nobody says otherwise."""

from __future__ import annotations

import json
from typing import Any, Protocol, Self

from pydantic import Field

from deepsynth.core.built_in import ASKING
from deepsynth.core.config import Config
from deepsynth.core.errors import ModelError, SettingsError


class Habits(Config):
    """The content of `asking.json` beside a model's weights.

    Checkpoints that are trained from it carry it along, unless they are taught to answer otherwise (`after_training`).
    """

    read_first: bool = False
    """The model writes down the page before it answers."""
    keep_lines: bool = False
    """What it reads keeps the lines of the page."""
    pages_per_prompt: int | None = Field(default=None, ge=1)
    """The model has never seen more pages at once."""


class HasCompanions(Protocol):
    """What holds the files beside tokenizer.json."""

    def companion(self, name: str) -> bytes | None:
        """Return a file's content."""
        ...

    def with_companion(self, name: str, content: bytes) -> Self:
        """Return the same with another file."""
        ...


def habits_of(tokenizer: HasCompanions | Any) -> Habits:
    """Return the habits of the model that a tokenizer came with; the usual ones where it says nothing.

    Raises:
        ModelError: asking.json is no such file.
    """
    content = tokenizer.companion(ASKING) if hasattr(tokenizer, "companion") else None
    if content is None:
        return Habits()
    try:
        return Habits.parse(json.loads(content))
    except (ValueError, SettingsError) as error:
        raise ModelError(f"{ASKING} of the model cannot be read: {error}") from error


def after_training(tokenizer: HasCompanions | Any, *, read_first: bool | None, keep_lines: bool) -> HasCompanions | Any:
    """Return the tokenizer of a model that is trained to answer so, from all pages of a document in one prompt.

    A model that is asked otherwise than it was taught writes nonsense, so its folder must not say what was right before.
    One that learns no answers, but only to read (`read_first` is none), answers as before.
    """
    if read_first is None:
        taught = habits_of(tokenizer).model_copy(update={"keep_lines": keep_lines})
    else:
        taught = Habits(read_first=read_first, keep_lines=keep_lines)
    if not hasattr(tokenizer, "companion") or habits_of(tokenizer) == taught:
        return tokenizer
    return tokenizer.with_companion(ASKING, json.dumps(taught.model_dump(mode="json")).encode())
