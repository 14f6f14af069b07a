"""The family of DeepSeek-OCR version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepsynth.core.geometry import Layout
from deepsynth.models.deepseek_ocr2._hf import DeepseekOcr2Config as StockConfig
from deepsynth.models.deepseek_ocr2._hf import DeepseekOcr2ForConditionalGeneration as StockModel
from deepsynth.models.deepseek_ocr2.config import DeepseekOcr2Config, is_official, translate
from deepsynth.models.deepseek_ocr2.modeling import DeepseekOcrV2ForConditionalGeneration
from deepsynth.models.deepseek_ocr2.official import official_config
from deepsynth.models.deepseek_ocr2.sizes import size_config
from deepsynth.models.family import families
from deepsynth.models.page_family import PageFamily
from deepsynth.models.tokenizer import JsonTokenizer


class DeepseekOcr2Family(PageFamily):
    """Version 2 in the official and in transformers' layout, and its sizes tiny and full."""

    name = "deepseek_ocr2"
    layout: Layout = "v2"
    sizes = ("tiny", "full")
    model_class = DeepseekOcrV2ForConditionalGeneration
    usual_modes = ("v2-1024",)
    stock_type = StockConfig.model_type
    stock_class = StockModel.__name__

    def supports(self, config: Mapping[str, Any]) -> bool:
        """Return whether this is version 2, as published, as saved by transformers or by DeepSynth."""
        return self.is_official(config) or config.get("model_type") in (self.stock_type, DeepseekOcr2Config.model_type)

    def is_official(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config.json is the official one, to be translated."""
        return is_official(config)

    def read_config(self, config: Mapping[str, Any]) -> DeepseekOcr2Config:
        """Return transformers' settings for a config.json of either layout."""
        if is_official(config):
            return translate(config)
        return DeepseekOcr2Config.from_dict({**config, "model_type": DeepseekOcr2Config.model_type})

    def write_config(self, settings: DeepseekOcr2Config) -> dict[str, Any]:
        """Return the official config.json for transformers' settings."""
        return official_config(settings)

    def size_config(self, size: str) -> DeepseekOcr2Config:
        """Return the settings of a named size."""
        return size_config(size)

    def size_tokenizer(self, size: str) -> JsonTokenizer | None:
        """Return the bundled tokenizer for the small size; the full size's is published with its weights."""
        return None if size == "full" else JsonTokenizer.bundled()


FAMILY = families.register("deepseek_ocr2")(DeepseekOcr2Family())
