import re

import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.models import families
from deepsynth.models.family import LORA_PRESETS
from deepsynth.models.parts import lora_targets, unwrap


@pytest.mark.parametrize("name", families.names())
@pytest.mark.parametrize("preset", LORA_PRESETS)
def test_adapters_go_to_the_decoder_alone(name, preset):
    model = families.get(name).build("tiny").model
    targets = lora_targets(preset)
    modules = [path for path, _ in model.named_modules() if re.fullmatch(targets.target_modules, path)]
    assert modules
    assert all(".language_model.layers." in path for path in modules)
    assert ("experts" in preset or preset == "all-linear") == bool(targets.target_parameters)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks by the old name
@pytest.mark.parametrize("usual", [["q_proj", "k_proj", "v_proj"], "all-linear"])
def test_the_usual_targets_would_adapt_the_vision_encoder_too(usual):
    """What people write for PEFT, by endings of names; so our presets are patterns on whole names."""
    import peft

    model = families.get("deepseek_ocr").build("tiny").model
    found = peft.get_peft_model(model, peft.LoraConfig(target_modules=usual, r=2))
    adapted = [name for name, _ in found.named_parameters() if "lora_" in name]
    assert any(".vision_tower." in name for name in adapted)
    assert any(".language_model." in name for name in adapted)


def test_attention_means_four_matrices_a_layer():
    model = families.get("deepseek_ocr").build("full").model
    pattern = lora_targets("attention").target_modules
    found = [module for path, module in model.named_modules() if re.fullmatch(pattern, path)]
    assert len(found) == 4 * 12
    assert sum(16 * (module.in_features + module.out_features) for module in found) == 1_966_080


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(SettingsError, match="attention, attention\\+shared"):
        lora_targets("everything")


def test_wrappers_are_taken_off():
    model = families.get("deepseek_ocr").build("tiny").model

    class Wrapper:
        module = model

    assert unwrap(Wrapper()) is model
