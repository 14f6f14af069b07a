import json

import pytest

from deepsynth.core.control import Control
from deepsynth.core.errors import InputError, Paused, SettingsError
from deepsynth.workflows.frontier import FrontierConfig, run

SMALL = {"modes": ("nano-128",), "ratios": (1.0, 3.0), "pages": 2, "documents": 3, "max_new_tokens": 4, "batch_size": 4}


def settings(dataset, checkpoint, out, **more):
    return FrontierConfig.parse({"model": str(checkpoint), "data": dataset, "out": out, **SMALL, **more})


def test_one_command_sweeps_reading_summaries_and_text(dataset, checkpoint, tmp_path, reporter):
    result = run(settings(dataset, checkpoint, tmp_path, budgets=(48,)), reporter)
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert [point["text_tokens"] > 0 for point in values["reading"]] == [True, True]
    assert [point["target"] for point in values["summaries"]] == ["1x", "3x", "48 tokens"]
    assert all(point["text_quality"]["n"] == 3 for point in values["summaries"])
    assert values["text_in_full"]["n"] == 3
    assert "lead-1 (first sentence)" in values["baselines"]
    assert result.path.read_text().count("<svg") >= 5
    assert "In the paper's format" in result.describe()


def test_parts_can_be_left_out(dataset, checkpoint, tmp_path, reporter):
    run(settings(dataset, checkpoint, tmp_path, pages=0, text=False), reporter)
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert values["reading"] == []
    assert values["text_in_full"] is None
    assert {point["text_quality"] for point in values["summaries"]} == {None}
    run(settings(dataset, checkpoint, tmp_path, documents=0, shuffled=False), reporter)
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert values["summaries"] == []
    assert {point["shuffled_precision"] for point in values["reading"]} == {None}


def test_points_that_the_data_cannot_give_are_left_out_and_told(dataset, checkpoint, tmp_path, reporter):
    run(settings(dataset, checkpoint, tmp_path, page_tokens=(20, 5000), documents=0), reporter)
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert len(values["reading"]) == 1
    assert any("too little text for two pages of 5000 tokens" in message for message in reporter.messages)
    assert "5000 tokens" in values["facts"]["Left out"]


def test_wrong_modes_are_named(dataset, checkpoint, tmp_path, reporter):
    with pytest.raises(
        SettingsError, match="mode 'base' cannot be swept with this model; .*nano-128, nano-192, nano-256"
    ):
        run(settings(dataset, checkpoint, tmp_path, modes=("base",)), reporter)
    with pytest.raises(SettingsError, match="'nano-tiles'"):
        run(settings(dataset, checkpoint, tmp_path, modes=("nano-tiles",)), reporter)


def test_a_split_that_is_not_there_is_named(dataset, checkpoint, tmp_path, reporter):
    with pytest.raises(InputError, match="no split 'dev'"):
        run(settings(dataset, checkpoint, tmp_path, split="dev"), reporter)


def test_a_pause_stops_it(dataset, checkpoint, tmp_path, reporter):
    control = Control()
    control.request_pause()
    with pytest.raises(Paused):
        run(settings(dataset, checkpoint, tmp_path), reporter, control)
