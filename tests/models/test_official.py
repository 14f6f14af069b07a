"""The official config.json that is written for models which came without one."""

import pytest

from deepsynth.models import families
from deepsynth.workflows.serving import tiny_keys

SIZES = [(name, size) for name in families.names() for size in families.get(name).sizes]


def flat(values: dict, prefix: str = "") -> dict:
    found = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return found


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_it_is_read_back_as_the_settings_it_was_written_for(name, size):
    family = families.get(name)
    settings = family.size_config(size)
    first, again = (flat(item.to_dict()) for item in (settings, family.read_config(family.write_config(settings))))
    differing = {key for key in {*first, *again} if first.get(key) != again.get(key)}
    # how weights are drawn at random is no property of weights that are there
    assert differing <= {"vision_config.sam_config.initializer_range"}


@pytest.mark.parametrize("name", families.names())
def test_only_other_sizes_than_the_published_carry_tiny_keys(name):
    family = families.get(name)
    assert tiny_keys(family.write_config(family.size_config("full"))) == set()
    assert "_tiny_patch_size" in tiny_keys(family.write_config(family.size_config("tiny"))) or name == "deepseek_ocr2"
    assert tiny_keys(family.write_config(family.size_config("tiny")))
