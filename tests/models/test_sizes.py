"""The full sizes have the published numbers of parameters; counted without allocating a weight."""

import pytest
from torch import nn

from deepsynth.core.errors import SettingsError
from deepsynth.models import default_model, families

PUBLISHED = {
    "deepseek_ocr": {
        "all": 3_335_504_128,
        "sam": 95_569_152,
        "clip": 302_575_616,
        "projector": 2_625_280,
        "head": 165_478_400,
    },
    "deepseek_ocr2": {"all": 3_389_119_360, "sam": 94_979_328, "head": 165_478_400},
}
"""Version 1's file holds 602,112 more: a patch embedding that nothing reads. The projector counts its two marks."""


def count(members) -> int:
    return sum(
        parameter.numel()
        for member in members
        for parameter in (member.parameters() if isinstance(member, nn.Module) else [member])
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_full_size_has_the_published_parameters(name):
    family = families.get(name)
    model = family.build("full").model
    parts = {part: count(members) for part, members in family.parts(model).items()}
    parts["all"] = sum(parts.values())
    assert next(model.parameters()).device.type == "meta"
    for part, expected in PUBLISHED[name].items():
        assert parts[part] == expected, part


def test_the_routed_experts_are_most_of_the_full_model():
    family = families.get("deepseek_ocr")
    parts = family.parts(family.build("full").model)
    assert count(parts["experts"]) == 2_422_210_560
    assert count(parts["embeddings"]) == 165_478_400


def test_the_same_seed_gives_the_same_weights():
    one, two, other = (default_model(seed=seed).model.lm_head.weight for seed in (1, 1, 2))
    assert one.equal(two)
    assert not one.equal(other)


def test_nano_is_small_enough_to_ship():
    assert count([default_model().model]) < 3_000_000


def test_an_unknown_size_is_refused():
    with pytest.raises(SettingsError, match="no deepseek_ocr size 'huge'; known:"):
        families.get("deepseek_ocr").build("huge")
