import pytest

from deepsynth.core.errors import InputError
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.feeding import Feed
from deepsynth.training.team import Team


def ids(examples):
    return [example.id for example in examples]


def feed(config, rows, **values):
    config = config.override(values)
    return Feed(rows, config, ids, Team(config))


def take(feed, state, count):
    return [batch for batch, _ in zip(feed.batches(state), range(count), strict=False)]


def test_a_run_goes_on_at_its_place_in_the_data(config, rows):
    every = take(feed(config, rows, batch_size=2), TrainState(), 10)
    state = TrainState()
    feed(config, rows, batch_size=2).advance(state, 6)
    assert (state.epoch, state.batches) == (1, 2)
    assert take(feed(config, rows, batch_size=2), state, 4) == every[6:]


@pytest.mark.parametrize(
    ("values", "steps"), [({"max_steps": 3}, 3), ({"max_steps": None, "num_epochs": 3}, 6), ({"max_steps": None}, 2)]
)
def test_steps_follow_from_epochs_unless_they_are_given(config, rows, values, steps):
    assert feed(config, rows, **values).total_steps == steps


def test_the_plan_holds_exactly_what_is_read(config, rows):
    made = feed(config, rows, batch_size=3, max_steps=3)
    read = [name for batch in take(made, TrainState(), 3) for name in batch]
    planned = [f"row-{index}" for epoch in made.indices() for index in epoch]
    assert read == planned
    assert made.first().id == planned[0]


def test_an_empty_split_is_refused(config):
    with pytest.raises(InputError, match="holds no example"):
        feed(config, [])
