import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.training.config import TrainerConfig


def fields(model, path=""):
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field


def test_every_setting_has_a_sentence():
    assert [name for name, field in fields(TrainerConfig) if not field.description] == []


def test_a_tree_comes_back_from_its_file_equal(tmp_path):
    config = TrainerConfig.parse({"freeze": ["sam"], "optimizer": {"part_rates": {"head": 0.5}}, "max_steps": 3})
    config.save(tmp_path / "config.json")
    assert TrainerConfig.load(tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"freeze": ["encoder"]}, "no part encoder; known: sam"),
        ({"optimizer": {"part_rates": {"head": -1}}}, "must not be negative"),
        ({"optimizer": {"name": "sgd"}}, "optimizer.name"),
        ({"batchsize": 4}, "did you mean 'batch_size'"),
    ],
)
def test_a_wrong_setting_is_named(values, match):
    with pytest.raises(SettingsError, match=match):
        TrainerConfig.parse(values)
