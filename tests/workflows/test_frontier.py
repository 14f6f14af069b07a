import json

import pytest

from deepsynth.core.control import Control
from deepsynth.core.errors import InputError, Paused, SettingsError
from deepsynth.workflows.frontier import FrontierConfig, run

SMALL = {"modes": ("nano-128",), "ratios": (1.0, 3.0), "pages": 2, "documents": 3, "max_new_tokens": 4, "batch_size": 4}


def settings(dataset, checkpoint, out, **more):
    return FrontierConfig.parse({"model": str(checkpoint), "data": dataset, "out": out, **SMALL, **more})


def test_one_command_sweeps_reading_summaries_and_text(dataset, checkpoint, tmp_path, reporter):
    sparse = {"ratios": (3.0, 6.0), "budgets": (48,), "largest_px": 30}
    result = run(settings(dataset, checkpoint, tmp_path, **sparse), reporter)
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert [point["text_tokens"] > 0 for point in values["reading"]] == [True, True]
    assert [point["target"] for point in values["summaries"]] == ["3x, 6x", "48 tokens"]  # one page either way
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


def test_pages_of_tiles_are_swept_like_others(dataset, checkpoint, tmp_path, reporter):
    run(settings(dataset, checkpoint, tmp_path, modes=("nano-tiles",), ratios=(0.5,), budgets=(200,)), reporter)
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert [(point["nominal_tokens"], point["visual_tokens"]) for point in values["reading"]] == [(96, 113)]
    assert 40 <= values["reading"][0]["text_tokens"] <= 48
    assert [point["target"] for point in values["summaries"]] == ["0.5x, 200 tokens"]
    assert values["summaries"][0]["visual_tokens"] == 113  # the texts fill one page of the two that the budget allows


def test_the_limit_of_legibility_is_told_by_mode(dataset, checkpoint, tmp_path, reporter):
    result = run(settings(dataset, checkpoint, tmp_path, documents=0, ratios=(1.0,)), reporter)
    limits = json.loads((tmp_path / "frontier.json").read_text())["legible_to"]
    assert set(limits) == {"nano-128"}
    assert f"{limits['nano-128']:.1f}x in nano-128" in result.describe()
    assert "letters at the floor of legibility" in result.path.read_text()


def test_wrong_modes_are_named(dataset, checkpoint, tmp_path, reporter):
    known = "those that do: nano-128, nano-192, nano-256, nano-tiles"
    with pytest.raises(SettingsError, match=f"mode 'base' does not fit the model .*; {known}"):
        run(settings(dataset, checkpoint, tmp_path, modes=("base",)), reporter)


def test_a_split_that_is_not_there_is_named(dataset, checkpoint, tmp_path, reporter):
    with pytest.raises(InputError, match="no split 'dev'"):
        run(settings(dataset, checkpoint, tmp_path, split="dev"), reporter)


def test_a_pause_stops_it(dataset, checkpoint, tmp_path, reporter):
    control = Control()
    control.request_pause()
    with pytest.raises(Paused):
        run(settings(dataset, checkpoint, tmp_path), reporter, control)
