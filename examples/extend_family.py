"""A model family of your own: checkpoints that say `harbor-ocr` where DeepSeek-OCR's say their own name.

In a package of yours an entry point makes it known:

    [project.entry-points."deepsynth.models"]
    harbor = "your_package.harbor:FAMILY"

This one differs from version 1 in its name, in how it knows its folders and in the adapters that it offers; whatever differs in
a family with modules of its own is said in the same way: `parts`, `processor`, `forward`, `generate` (see `ModelFamily`).
"""

from collections.abc import Mapping
from typing import Any

from deepsynth.models.deepseek_ocr.config import DeepseekOcrConfig
from deepsynth.models.deepseek_ocr.family import DeepseekOcrFamily
from deepsynth.models.family import LoraTargets, families


class HarborFamily(DeepseekOcrFamily):
    """Version 1's modules under another name."""

    name = "harbor"
    sizes = ("tiny",)

    def supports(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config.json describes one of our models; the first family that says so reads the folder."""
        return config.get("model_type") == "harbor-ocr"

    def read_config(self, config: Mapping[str, Any]) -> DeepseekOcrConfig:
        """Return the settings that the modules are built from."""
        return DeepseekOcrConfig.from_dict({**config, "model_type": DeepseekOcrConfig.model_type})

    def lora_targets(self, preset: str) -> LoraTargets:
        """Let adapters reach the attention alone, whatever is asked for."""
        return super().lora_targets("attention")


FAMILY = families.register("harbor")(HarborFamily())
