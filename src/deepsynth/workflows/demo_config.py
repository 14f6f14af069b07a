"""What the demonstration uses: its settings, and how long its texts are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deepsynth.core.built_in import BUNDLED
from deepsynth.core.config import Config

PAGE = 60
"""Longest stretch of text to train on, in characters: what a page of the bundled model is sure to hold."""
DOCUMENT = 100
"""Longest document, in characters."""


class DemoConfig(Config):
    """What the demonstration uses."""

    document: Path = Path("examples/document.txt")
    """A text file of your own to read and summarize first; change it and run again."""
    out: Path = Path("runs/demo")
    """Folder of data, checkpoints and report.html; an earlier demonstration in it is replaced."""
    source: Literal["auto", "debian", "packages"] = "auto"
    """Where documents come from: Debian's package descriptions by apt, else the installed Python packages."""
    language: str = "es"
    """Language of Debian's descriptions; the bundled model has learned en, it, fr and de."""
    minutes: float = Field(default=4.0, gt=0, le=600)
    """Time to train."""
    rows: int = Field(default=12_000, ge=50)
    """Documents to take from the source."""
    evaluation_rows: int = Field(default=200, ge=8)
    """Held-out documents to summarize for the scores."""
    batch_size: int = Field(default=64, ge=1)
    """Examples a step."""
    model: str = BUNDLED
    """Model to start from: the bundled one, another folder, or `tiny` to see the machinery alone."""
    seed: int = 0
    """Decides weights and order."""
