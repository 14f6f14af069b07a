"""How a summary is written: length, search, and what counts as going round in a circle."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from deepsynth.core.config import Config


class Writing(Config):
    """How the model writes."""

    max_new_tokens: int = Field(default=64, ge=1, le=8192)
    """Longest summary, in tokens. What is only read (the instruction `Read.`) has room for the page unless this is said."""
    min_new_tokens: int = Field(default=0, ge=0, le=8192)
    """Shortest summary, in tokens."""
    num_beams: int = Field(default=1, ge=1, le=16)
    """Beams of the search; 1 is greedy."""
    temperature: float = Field(default=0.0, ge=0.0, le=5.0)
    """Above 0, draw tokens at random, the more so the higher."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Draw only from the likeliest tokens that together have this probability."""
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    """Decides what is drawn at random, whatever else is written at the same time."""
    stop: tuple[str, ...] = Field(default=(), max_length=4)
    """Stop before any of these texts."""
    no_repeat_ngram_size: int = Field(default=0, ge=0, le=64)
    """Never write the same run of so many tokens twice within the window; 0 allows it."""
    no_repeat_ngram_window: int = Field(default=0, ge=0)
    """New tokens that this rule looks back on; 0 means all."""
    repetition_ngram: int = Field(default=4, ge=1, le=64)
    """A loop is a run of at least so many tokens, or a shorter one that fills as much."""
    repetition_times: int = Field(default=3, ge=0, le=64)
    """Stop when the text ends in the same run so many times in a row; 0 never stops for it."""
    repetition_window: int = Field(default=192, ge=1)
    """Longest stretch of tokens in which all those runs must lie."""
    repetition_allowed: tuple[str, ...] = ("<td>", "</td>", "<tr>", "</tr>")
    """Tokens that may repeat: a run made of these alone is a table, not a loop, and the n-gram rule lets them pass."""
    repetition_retry: bool = False
    """Write a text that ended in a loop once more, no run of `repetition_ngram` tokens twice; streams show it when whole."""

    @property
    def stricter(self) -> Writing | None:
        """How a text that ended in a loop is written once more; none where that is not asked for or would change nothing."""
        if not self.repetition_retry or 0 < self.no_repeat_ngram_size <= self.repetition_ngram:
            return None
        return self.model_copy(update={"no_repeat_ngram_size": self.repetition_ngram, "repetition_retry": False})

    @model_validator(mode="after")
    def _lengths_agree(self) -> Self:
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(f"min_new_tokens {self.min_new_tokens} is above max_new_tokens {self.max_new_tokens}")
        if self.num_beams > 1 and self.temperature > 0:
            raise ValueError("num_beams above 1 takes the likeliest; set temperature to 0 or num_beams to 1")
        if not all(self.stop):
            raise ValueError("an empty stop text would stop before the first token")
        return self
