import json

import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
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


def test_pages_are_drawn_as_the_datasets_are_where_nothing_is_said_about_drawing(tmp_path):
    rows = [
        {"text": f"The harbor lamp number {number} was lit again. " * 4, "summary": "A lamp."} for number in range(4)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    drawing = {"rendering": {"font": "sans", "px": 12.0}, "split": {"validation": 0, "test": 0}}
    cleaning = {"near_duplicates": "keep", "min_summary_chars": 1}
    values = {"source": str(tmp_path / "rows.jsonl"), "out": tmp_path / "data", "cleaning": cleaning, **drawing}
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()
    data = {"data": {"path": tmp_path / "data"}}
    followed = TrainerConfig.parse(data).completed()
    assert (followed.rendering.font, followed.rendering.px) == ("sans", 12.0)
    said = TrainerConfig.parse(data | {"rendering": {"px": 11.0}})
    assert said.completed() == said
    assert followed.completed() == followed == TrainerConfig.parse(followed.model_dump())


def test_a_dataset_that_is_not_there_is_left_to_be_told_by_the_run(tmp_path):
    config = TrainerConfig.parse({"data": {"path": tmp_path / "nothing"}})
    assert config.completed() == config
