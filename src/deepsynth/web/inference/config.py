"""Settings of inference in the web application."""

from __future__ import annotations

from pydantic import Field

from deepsynth.inference.worker.drawing_process import DrawLimits
from deepsynth.inference.worker.settings import ModelSettings

MEGABYTE = 2**20


class InferenceConfig(ModelSettings):
    """Which model is served, and what one request and all together may cost."""

    preload: bool = False
    """Load the model when the server starts, not when the first request comes."""
    max_waiting: int = Field(default=256, ge=0, le=10_000)
    """Requests that may wait; more are refused with 429."""
    max_new_tokens: int = Field(default=1024, ge=1, le=8192)
    """Longest summary that a request may ask for."""
    json_bytes: int = Field(default=8 * MEGABYTE, ge=1024)
    """Largest JSON body of the plain route, in bytes; the chat route takes as much as `body_bytes`, since its pictures come
    as text."""
    body_bytes: int = Field(default=32 * MEGABYTE, ge=1024)
    """Largest body of a request, in bytes."""
    held_bytes: int = Field(default=256 * MEGABYTE, ge=1024)
    """Bytes of request bodies that may be held in memory at once, over all requests."""
    body_seconds: float = Field(default=30.0, gt=0, le=600)
    """Seconds within which a body must have arrived."""
    draw_seconds: float = Field(default=30.0, gt=0, le=600)
    """Seconds within which a document must have been drawn."""
    draw_processes: int = Field(default=1, ge=1, le=64)
    """Documents that are drawn at the same time."""
    limits: DrawLimits = DrawLimits()
    """What one document may cost."""

    @property
    def most(self) -> int:
        """Requests that are served or wait at most."""
        return self.max_running + self.max_waiting

    def model_settings(self) -> ModelSettings:
        """Return what the model's process is told."""
        return ModelSettings(**{name: getattr(self, name) for name in ModelSettings.model_fields})
