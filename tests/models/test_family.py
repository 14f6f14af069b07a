import pytest
from torch import nn

from deepsynth.core.errors import SettingsError
from deepsynth.models import families
from deepsynth.models.family import PARTS, check_choice


@pytest.mark.parametrize("name", families.names())
def test_every_family_recognizes_what_it_builds_and_no_other_does(name):
    config = families.get(name).build("tiny").model.config.to_dict()
    assert [other for other in families.names() if families.get(other).supports(config)] == [name]


@pytest.mark.parametrize("name", families.names())
def test_official_configs_are_told_apart_although_they_share_a_type(name, golden_v1, golden_v2):
    import json

    version = {"deepseek_ocr": golden_v1, "deepseek_ocr2": golden_v2}[name]
    config = json.loads((version.folder / "config.json").read_text())
    assert config["model_type"] == "deepseek_vl_v2"
    assert [other for other in families.names() if families.get(other).supports(config)] == [name]


@pytest.mark.parametrize("name", families.names())
def test_parts_hold_every_parameter_exactly_once(name):
    family = families.get(name)
    model = family.build("tiny").model
    parts = family.parts(model)
    assert tuple(parts) == PARTS
    found = [
        id(parameter)
        for members in parts.values()
        for member in members
        for parameter in (member.parameters() if isinstance(member, nn.Module) else [member])
    ]
    assert sorted(found) == sorted(id(parameter) for parameter in model.parameters())


@pytest.mark.parametrize("name", families.names())
def test_adapter_names_go_there_and_back(name):
    family = families.get(name)
    native = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
    original = family.original_adapter_name(native)
    assert "language_model" not in original
    assert family.native_adapter_name(original) == native
    assert family.native_adapter_name(native) == native


def test_an_unknown_choice_lists_the_known_ones():
    with pytest.raises(SettingsError, match="no size 'huge'; known: tiny, nano"):
        check_choice("size", "huge", ("tiny", "nano"))
