"""The family of DeepSeek-OCR version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepsynth.core.geometry import Layout
from deepsynth.models.deepseek_ocr.config import DeepseekOcrConfig, is_official, translate
from deepsynth.models.deepseek_ocr.modeling import DeepseekOcrForConditionalGeneration
from deepsynth.models.deepseek_ocr.sizes import size_config
from deepsynth.models.family import families
from deepsynth.models.page_family import PageFamily
from deepsynth.models.tokenizer import JsonTokenizer


class DeepseekOcrFamily(PageFamily):
    """Version 1 in the official and in transformers' layout, and its sizes tiny, nano and full."""

    name = "deepseek_ocr"
    layout: Layout = "v1"
    sizes = ("tiny", "nano", "full")
    model_class = DeepseekOcrForConditionalGeneration
    usual_modes = ("base", "nano-128")

    def supports(self, config: Mapping[str, Any]) -> bool:
        """Return whether this is version 1, as published or as saved by DeepSynth."""
        return self.is_official(config) or config.get("model_type") == DeepseekOcrConfig.model_type

    def is_official(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config.json is the official one, to be translated."""
        return is_official(config)

    def read_config(self, config: Mapping[str, Any]) -> DeepseekOcrConfig:
        """Return transformers' settings for a config.json of either layout."""
        return translate(config) if is_official(config) else DeepseekOcrConfig.from_dict(dict(config))

    def size_config(self, size: str) -> DeepseekOcrConfig:
        """Return the settings of a named size."""
        return size_config(size)

    def size_tokenizer(self, size: str) -> JsonTokenizer | None:
        """Return the bundled tokenizer for the small sizes; the full size's is published with its weights."""
        return None if size == "full" else JsonTokenizer.bundled()


FAMILY = families.register("deepseek_ocr")(DeepseekOcrFamily())
