"""Settings of rendering: what a page looks like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from deepsynth.core.config import Config
from deepsynth.core.geometry import MODES

Font = Literal["mono", "sans", "serif", "literata", "inter"]


class RenderConfig(Config):
    """How a document is drawn. Equal settings and versions give equal bytes."""

    mode: str = "nano-128"
    """Geometry of the page: tiny, small, base, large, gundam, v2-768, v2-1024, v2-dynamic or a nano mode."""
    font: Font = "mono"
    """Typeface of Latin, Greek and Cyrillic text (`serif`, `literata` and `inter` need the extra `fonts`); other scripts have
    one face each."""
    px: float = Field(default=10.0, ge=5.0, le=96.0)
    """Size of the letters in pixels (one em)."""
    leading: float = Field(default=1.2, ge=1.0, le=3.0)
    """Height of a line in ems."""
    margin: int = Field(default=4, ge=0, le=256)
    """Empty border in pixels on each side."""
    columns: int = Field(default=1, ge=1, le=4)
    """Columns of text on a page."""
    hyphenate: bool = False
    """Break words at the end of a line by the patterns of the document's language, where there are some (needs the extra
    `hyphenation`). The hyphen is drawn and is no part of the text."""
    lines: int | None = Field(default=None, ge=1)
    """Most lines in a column; for a model that was trained on pages no fuller than this."""
    missing: Literal["error", "replace", "drop"] = "error"
    """What to do with a character that no font draws: stop and name it, draw U+FFFD, or leave it out."""
    max_pages: int | None = Field(default=None, ge=1)
    """Most pages to draw; a warning says how much text is left over."""

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, name: str) -> str:
        return _check_mode(name)


class PlanConfig(Config):
    """What a document may cost, and what is given up first; only one of `target_ratio` and `visual_tokens` is set."""

    target_ratio: float | None = Field(default=None, gt=0.0, le=100.0)
    """Text tokens per visual token to aim for, as nearly as letters that can be read allow (counted as in published figures:
    without row ends)."""
    visual_tokens: int | None = Field(default=None, ge=1)
    """Visual tokens that a document may take in the prompt, row ends included."""
    modes: tuple[str, ...] = ()
    """Modes to choose from, the cheapest that can be read first; empty means the mode of the rendering settings alone."""
    too_small: Literal["refuse", "next_mode", "add_pages", "draw"] = "add_pages"
    """What to do where the letters would be too small to read: stop, take a larger mode, take more pages than wanted, or draw
    them all the same."""
    largest_px: float = Field(default=48.0, ge=5.0, le=96.0)
    """Letters are made no larger than this, however much room there is."""
    smallest_margin: int = Field(default=2, ge=0, le=256)
    """Smallest margin in pixels; wider ones are halved down to it before letters become too small to read or pages
    are added."""
    longest_line: int = Field(default=120, ge=20)
    """Longest line in characters; a page whose lines would be longer is set in columns."""

    @field_validator("modes")
    @classmethod
    def _known_modes(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _check_mode(name)
        return names

    @model_validator(mode="after")
    def _one_wish(self) -> PlanConfig:
        if self.target_ratio is not None and self.visual_tokens is not None:
            raise ValueError("give target_ratio or visual_tokens, not both")
        return self

    @property
    def wished(self) -> bool:
        """Whether anything is to be chosen."""
        return self.target_ratio is not None or self.visual_tokens is not None


def _check_mode(name: str) -> str:
    if name not in MODES:
        raise ValueError(f"no mode {name!r}; known: {', '.join(MODES)}")
    return name
