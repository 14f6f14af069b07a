"""How a checkpoint has learned to be asked: used wherever nobody says otherwise."""

from __future__ import annotations

import json
from typing import Any, Protocol

from pydantic import Field

from deepsynth.core.built_in import ASKING
from deepsynth.core.config import Config
from deepsynth.core.errors import ModelError, SettingsError


class Habits(Config):
    """The content of `asking.json` beside a model's weights; checkpoints that are trained from it carry it along."""

    read_first: bool = False
    """The model writes down the page before it answers."""
    pages_per_prompt: int | None = Field(default=None, ge=1)
    """The model has never seen more pages at once."""


class HasCompanions(Protocol):
    """What holds the files beside tokenizer.json."""

    def companion(self, name: str) -> bytes | None:
        """Return a file's content."""
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
