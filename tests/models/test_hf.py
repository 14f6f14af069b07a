"""The names of transformers that the families stand on, checked where upstream could move them."""

import pytest
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from deepsynth.models import families
from deepsynth.models.deepseek_ocr import _hf as first
from deepsynth.models.deepseek_ocr2 import _hf as second


@pytest.mark.parametrize("module", [first, second])
def test_root_renamings_are_anchored_so_that_adapter_names_are_left_alone(module):
    import re

    adapter = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.default.weight"
    for pattern, target in module.ROOT_RENAMINGS:
        assert pattern.startswith("^")
        assert re.sub(pattern, target, adapter) == adapter


@pytest.mark.parametrize("name", ["deepseek_ocr", "deepseek_ocr2"])
def test_importing_deepsynth_changes_no_class_of_transformers(name):
    """Mappings are kept by class name: a namesake would give the stock class ours on top of its own."""
    family = families.get(name)
    assert get_checkpoint_conversion_mapping(family.model_class.__name__)
    assert get_checkpoint_conversion_mapping(family.stock_class) is None
