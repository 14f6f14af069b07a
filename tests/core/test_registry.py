import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.core.registry import Registry


@pytest.fixture
def registry():
    registry: Registry[int] = Registry("deepsynth.nothing")
    registry.register("jsonl")(1)
    registry.register("folder")(2)
    return registry


def test_a_registered_name_gives_its_value(registry):
    assert registry.get("jsonl") == 1
    assert registry.names() == ["folder", "jsonl"]


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(registry):
    with pytest.raises(SettingsError, match=r"no 'jsnl'; did you mean 'jsonl'\? Known: folder, jsonl"):
        registry.get("jsnl")


def test_a_name_is_registered_once(registry):
    with pytest.raises(SettingsError, match="already holds"):
        registry.register("jsonl")(3)
