"""Summaries over HTTP: OpenAI's form, a plain form, state and metrics. The model runs in a process of its own."""

from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.inference.mounting import mount_inference
from deepsynth.web.inference.service import InferenceService

__all__ = ["InferenceConfig", "InferenceService", "mount_inference"]
