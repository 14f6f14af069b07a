import pytest

from deepsynth.training.config import OptimizerConfig
from deepsynth.training.schedule import rate_factor


def factors(total: int, **values) -> list[float]:
    config = OptimizerConfig.parse(values)
    return [rate_factor(config, step, total) for step in range(total + 1)]


def test_warm_up_rises_evenly_and_never_takes_more_than_a_tenth():
    rates = factors(100, schedule="constant", warmup_steps=50)
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert set(rates[10:]) == {1.0}


@pytest.mark.parametrize("schedule", ["linear", "cosine", "wsd"])
@pytest.mark.parametrize("total", [1, 3, 40, 999])
def test_a_falling_schedule_ends_at_zero_behind_the_last_step(schedule, total):
    rates = factors(total, schedule=schedule, warmup_steps=5)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(rate > 0 for rate in rates[:-1])
    assert max(rates) <= 1


def test_linear_and_cosine_are_at_half_in_the_middle():
    for schedule in ("linear", "cosine"):
        assert factors(100, schedule=schedule, warmup_steps=0)[50] == pytest.approx(0.5)


def test_wsd_holds_the_rate_until_its_last_share():
    rates = factors(100, schedule="wsd", warmup_steps=0, decay_share=0.2)
    assert set(rates[:81]) == {1.0}
    assert rates[90] == pytest.approx(0.5)
