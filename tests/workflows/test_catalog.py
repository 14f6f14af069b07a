import inspect

import pytest

from deepsynth.core.config import Config
from deepsynth.core.errors import SettingsError
from deepsynth.workflows.catalog import CATALOG


@pytest.mark.parametrize("verb", CATALOG, ids=lambda verb: verb.name)
def test_each_row_leads_to_settings_and_a_function(verb):
    config = verb.config_class()
    assert issubclass(config, Config)
    assert verb.positional is None or verb.positional in config.model_fields
    assert list(inspect.signature(verb.function()).parameters)[:2] == ["config", "reporter"]


@pytest.mark.parametrize("verb", CATALOG, ids=lambda verb: verb.name)
def test_each_setting_has_its_sentence(verb):
    undocumented = [name for name, field in verb.config_class().model_fields.items() if not field.description]
    assert undocumented == []


@pytest.mark.parametrize("verb", [verb for verb in CATALOG if verb.presets], ids=lambda verb: verb.name)
def test_each_preset_is_a_valid_tree(verb):
    for name, values in verb.preset_table().items():
        settings = verb.config_class().parse(values)
        assert settings != verb.config_class()(), f"preset {name} changes nothing"


def test_an_unknown_preset_names_the_known_ones():
    train = next(verb for verb in CATALOG if verb.name == "train")
    assert train.preset_settings(None) == {}
    assert train.preset_settings("quick_test") == train.preset_table()["quick_test"]
    with pytest.raises(SettingsError, match="train has no preset 'fast'; known: quick_test, ") as caught:
        train.preset_settings("fast")
    assert caught.value.field == "preset"
