import pytest

from deepsynth.core.config import merge
from deepsynth.training.config import TrainerConfig
from deepsynth.workflows import presets, train
from deepsynth.workflows.presets import PLANNED_FOR, PRESETS


def test_the_memory_that_is_told_is_what_the_planner_says_today():
    """On a change of presets or planner: python -m deepsynth.workflows.presets."""
    assert presets.stored_memory() == presets.planned_memory()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_for_and_what_it_takes(name):
    nano, full = (presets.stored_memory()[size][name] for size in PLANNED_FOR)
    assert PRESETS[name].sentence.endswith(".")
    assert f"{nano / 2**20:.0f} MiB with nano, {full / 2**30:.1f} GiB" in PRESETS[name].description


def test_a_preset_that_was_not_planned_yet_says_so():
    assert "unknown with nano" in presets.memory("new")


def test_the_memory_efficient_preset_fits_a_card_of_16_gib_at_the_published_size():
    full = presets.stored_memory()["full"]
    assert (
        full["memory_efficient"] < 12 * 2**30 < min(count for name, count in full.items() if name != "memory_efficient")
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_trains(name, dataset, tmp_path, reporter):
    values = {"model": "tiny", "output_dir": tmp_path / "run", "max_steps": 2, "data": {"path": dataset}}
    config = TrainerConfig.parse(merge(merge(PRESETS[name].settings, values), {"gradient_accumulation_steps": 2}))
    result = train.run(config, reporter)
    assert result.steps == 2
    assert result.loss is not None
