import json

import pytest

from deepsynth.core.errors import ModelError
from deepsynth.models import families


def test_version_1_attends_to_everything_before(golden_v1):
    config = json.loads((golden_v1.folder / "config.json").read_text())
    text = families.get("deepseek_ocr").read_config(config).text_config
    assert set(text.layer_types) == {"full_attention"}
    assert text.num_hidden_layers == config["language_config"]["num_hidden_layers"]


def test_version_2s_wrong_last_channel_is_mended(golden_v2):
    config = json.loads((golden_v2.folder / "config.json").read_text())
    assert config["vision_config"]["width"]["sam_vit_b"]["downsample_channels"][-1] == 64
    sam = families.get("deepseek_ocr2").read_config(config).vision_config.sam_config
    assert sam.downsample_channels[-1] == 48


@pytest.mark.parametrize("name", ["deepseek_ocr", "deepseek_ocr2"])
def test_a_config_that_asks_for_something_else_is_refused(name, golden_v1, golden_v2):
    golden = {"deepseek_ocr": golden_v1, "deepseek_ocr2": golden_v2}[name]
    config = json.loads((golden.folder / "config.json").read_text())
    config["language_config"]["use_mla"] = True
    with pytest.raises(ModelError, match="latent attention"):
        families.get(name).read_config(config)


@pytest.mark.parametrize("name", ["deepseek_ocr", "deepseek_ocr2"])
def test_a_config_without_eyes_names_what_it_lacks(name, golden_v1, golden_v2):
    golden = {"deepseek_ocr": golden_v1, "deepseek_ocr2": golden_v2}[name]
    config = json.loads((golden.folder / "config.json").read_text())
    del config["vision_config"]["width"]
    with pytest.raises(ModelError, match="width"):
        families.get(name).read_config(config)
