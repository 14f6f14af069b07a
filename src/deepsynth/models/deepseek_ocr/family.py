"""The family of DeepSeek-OCR version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from deepsynth.core.errors import ModelError
from deepsynth.core.geometry import Layout
from deepsynth.models.deepseek_ocr._hf import UnlimitedOcrConfig, UnlimitedOcrForConditionalGeneration
from deepsynth.models.deepseek_ocr.config import DeepseekOcrConfig, is_official, translate
from deepsynth.models.deepseek_ocr.modeling import DeepseekOcrForConditionalGeneration
from deepsynth.models.deepseek_ocr.official import official_config
from deepsynth.models.deepseek_ocr.sizes import size_config
from deepsynth.models.family import families
from deepsynth.models.page_family import PageFamily
from deepsynth.models.parts import unwrap
from deepsynth.models.tokenizer import JsonTokenizer


class DeepseekOcrFamily(PageFamily):
    """Version 1 in the official and in transformers' layout, and its sizes tiny, nano and full."""

    name = "deepseek_ocr"
    layout: Layout = "v1"
    sizes = ("tiny", "nano", "full")
    model_class = DeepseekOcrForConditionalGeneration
    usual_modes = ("base", "nano-128")
    stock_type = UnlimitedOcrConfig.model_type
    stock_class = UnlimitedOcrForConditionalGeneration.__name__
    unread = ("model.vision_model.embeddings.patch_embedding.weight",)

    def supports(self, config: Mapping[str, Any]) -> bool:
        """Return whether this is version 1: as published, as saved by DeepSynth, or exported for transformers."""
        return self.is_official(config) or config.get("model_type") in (self.stock_type, DeepseekOcrConfig.model_type)

    def is_official(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config.json is the official one, to be translated."""
        return is_official(config)

    def read_config(self, config: Mapping[str, Any]) -> DeepseekOcrConfig:
        """Return transformers' settings for a config.json of any layout.

        Raises:
            ModelError: it is the architecture's namesake in transformers, whose decoder looks back only a little.
        """
        if is_official(config):
            return translate(config)
        layers = set(config.get("text_config", {}).get("layer_types") or ["unsaid"])
        if config.get("model_type") == self.stock_type and layers != {"full_attention"}:
            raise ModelError(
                f"config.json is of a {self.stock_type} model with {', '.join(sorted(layers))} layers; DeepSeek-OCR has"
                " full_attention in all of them, so this is another model"
            )
        return DeepseekOcrConfig.from_dict({**config, "model_type": DeepseekOcrConfig.model_type})

    def write_config(self, settings: DeepseekOcrConfig) -> dict[str, Any]:
        """Return the official config.json for transformers' settings.

        Raises:
            ModelError: the decoder copies by a path that the official one does not have.
        """
        _refuse_copying(settings)
        return official_config(settings)

    def stock_config(self, model: nn.Module) -> dict[str, Any]:
        """See `ModelFamily.stock_config`.

        Raises:
            ModelError: the decoder copies by a path that the stock one does not have.
        """
        _refuse_copying(unwrap(model).config)
        return super().stock_config(model)

    def size_config(self, size: str) -> DeepseekOcrConfig:
        """Return the settings of a named size."""
        return size_config(size)

    def size_tokenizer(self, size: str) -> JsonTokenizer | None:
        """Return the bundled tokenizer for the small sizes; the full size's is published with its weights."""
        return None if size == "full" else JsonTokenizer.bundled()


def _refuse_copying(settings: DeepseekOcrConfig) -> None:
    if settings.copy_size:
        raise ModelError(
            f"this model copies by a path that DeepSeek-OCR does not have (copy_size {settings.copy_size}), so no program but"
            " DeepSynth can run it; export a model without one"
        )


FAMILY = families.register("deepseek_ocr")(DeepseekOcrFamily())
