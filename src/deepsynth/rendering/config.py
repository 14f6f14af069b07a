"""Settings of rendering: what a page looks like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from deepsynth.core.config import Config
from deepsynth.core.geometry import MODES


class RenderConfig(Config):
    """How a document is drawn. Equal settings and versions give equal bytes."""

    mode: str = "nano-128"
    """Geometry of the page: tiny, small, base, large, gundam, v2-768, v2-1024, v2-dynamic or a nano mode."""
    font: Literal["mono", "sans"] = "mono"
    """Typeface of Latin, Greek and Cyrillic text; other scripts have one face each."""
    px: float = Field(default=10.0, ge=5.0, le=96.0)
    """Size of the letters in pixels (one em)."""
    leading: float = Field(default=1.2, ge=1.0, le=3.0)
    """Height of a line in ems."""
    margin: int = Field(default=4, ge=0, le=256)
    """Empty border in pixels on each side."""
    columns: int = Field(default=1, ge=1, le=4)
    """Columns of text on a page."""
    missing: Literal["error", "replace", "drop"] = "error"
    """What to do with a character that no font draws: stop and name it, draw U+FFFD, or leave it out."""
    max_pages: int | None = Field(default=None, ge=1)
    """Draw no more pages than this; the text that is left over is told, not lost in silence."""

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, name: str) -> str:
        if name not in MODES:
            raise ValueError(f"no mode {name!r}; known: {', '.join(MODES)}")
        return name
