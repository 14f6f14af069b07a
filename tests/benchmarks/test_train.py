"""The benchmark of training runs its whole road in small, so that time on an accelerator is not spent on mending it."""

import json

import pytest
from benchmarks.train import (
    OTHERS,
    SIDES,
    compare,
    describe,
    effects,
    in_a_process,
    medians,
    parse,
    run_side,
    write_inputs,
    write_model,
)

from deepsynth.models import families, load_model

SETTINGS = ("--tiny", "--no-effects")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    given = parse([*SETTINGS])
    return folder, given, write_inputs(folder, given)


def measured(inputs, tmp_path, side, **values):
    settings = {**inputs[2], **SIDES[side], **values, "output_dir": str(tmp_path / "run")}
    if "cache" in settings:
        settings["cache"] = {**settings["cache"], "folder": str(tmp_path / "cache")}
    return run_side(parse([*SETTINGS, "--side", side, "--settings", json.dumps(settings)]))


@pytest.fixture(scope="module")
def padded(inputs, tmp_path_factory):
    return measured(inputs, tmp_path_factory.mktemp("padded"), "padded")


@pytest.mark.parametrize("side", [side for side in SIDES if side != "padded"])
def test_every_side_trains_the_same_model(side, inputs, padded, tmp_path):
    found = measured(inputs, tmp_path, side)
    assert found["samples_per_second"] > 0
    assert found["first_epoch_samples_per_second"] > 0
    assert found["memory"] > 2**20
    if side != "bucketed":  # whose batches are others
        assert found["losses"] == pytest.approx(padded["losses"], rel=1e-3)
    assert found["held_out"] == pytest.approx(padded["held_out"], rel=1e-3)
    assert (found["encoding_share_of_first"] > 0) == ("cache" in side)


def test_adapters_are_measured_too(inputs, tmp_path):
    found = measured(inputs, tmp_path, "cache, int8", lora={"rank": 4})
    assert found["held_out"] > 0


def test_the_table_shows_each_side_beside_the_others_and_a_failed_one_as_failed(inputs, padded):
    table = describe({OTHERS: {**padded, "samples_per_second": 1.0}, "padded": {"failed": "no memory"}}, inputs[1])
    assert "    1.00" in table.splitlines()[2]
    assert table.splitlines()[3].endswith("no memory")


def test_losses_are_compared_step_by_step():
    base, other = {"losses": [2.0, 1.0], "held_out": 1.0}, {"losses": [2.0, 1.1], "held_out": 0.9}
    assert compare(base, other) == pytest.approx({"mean": 0.05, "largest": 0.1, "held out": -0.1})


def test_the_published_size_borrows_a_tokenizer(monkeypatch, tmp_path):
    """Tried on the tiny size, as if it had none."""
    family = families.get("deepseek_ocr")
    bundled = type(family).size_tokenizer
    monkeypatch.setattr(
        type(family), "size_tokenizer", lambda self, size: bundled(self, size) if size == "nano" else None
    )
    assert family.build("tiny").tokenizer is None
    loaded = load_model(write_model(tmp_path / "model", "tiny"))
    assert loaded.tokenizer is not None
    assert loaded.tokenizer.image_token_id == loaded.model.config.image_token_id


def test_rounds_are_joined_by_their_medians_and_runs_that_may_be_compared_are():
    base = {"losses": [2.0], "held_out": 1.0, "first_epoch_samples_per_second": 1.0}
    base |= {
        "encoding_share_of_first": 0.5,
        "samples_per_second": 1.0,
        "memory": 5,
        "teraflops": 1.0,
        "utilization": 0.4,
    }
    found = medians([base, {**base, "samples_per_second": 3.0}, {**base, "samples_per_second": 2.0}])
    assert (found["samples_per_second"], "losses" in found) == (2.0, False)
    assert medians([base, {"failed": "no memory"}]) == {"failed": "no memory"}
    runs = {"padded": base, "packed": base, "cache, int8": {**base, "losses": [3.0]}, "another seed": {"failed": "no"}}
    assert effects(runs) == {"cache, int8": {"mean": 0.5, "largest": 0.5, "held out": 0.0}}


@pytest.mark.slow
def test_a_side_that_fails_is_written_down_and_not_raised(inputs, tmp_path):
    folder, _, settings = inputs
    assert "failed" in in_a_process(folder, settings, "padded", {"model": str(tmp_path)})
