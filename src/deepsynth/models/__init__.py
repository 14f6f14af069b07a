"""Model families behind one protocol: load, freeze points, processor, generation, export."""

from deepsynth.models.deepseek_ocr import family as _deepseek_ocr  # noqa: F401  (registers itself)
from deepsynth.models.deepseek_ocr2 import family as _deepseek_ocr2  # noqa: F401  (registers itself)
from deepsynth.models.encoder_apart import Half
from deepsynth.models.family import LoadedModel, ModelFamily, ModelOutput, families
from deepsynth.models.loading import build_size, load_model
from deepsynth.models.saving import save_model, system_errors

__all__ = [
    "Half",
    "LoadedModel",
    "ModelFamily",
    "ModelOutput",
    "build_size",
    "families",
    "load_model",
    "save_model",
    "system_errors",
]
