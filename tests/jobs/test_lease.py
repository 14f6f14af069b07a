import time

import pytest

from deepsynth.jobs.lease import RENEWALS, Lease


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def said():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lease(said, clock):
    made = Lease(
        1.0, lambda seconds: said.append(("save", seconds)), lambda why: said.append(("kill", why)), clock=clock
    )
    yield made
    made.end()


def wait(said, word, seconds=60):
    end = time.monotonic() + seconds
    while word not in [name for name, _ in said]:
        assert time.monotonic() < end, f"waited in vain for {word}"
        time.sleep(0.01)


def test_an_attempt_that_hears_nothing_saves_first_and_is_killed_before_its_lease_is_over(lease, said, clock):
    clock.now = 0.6
    wait(said, "save")
    assert said == [("save", pytest.approx(0.2))], "once, with what is left until it is killed"
    clock.now = 0.9
    wait(said, "kill")
    assert said[1] == ("kill", "the store was out of reach for 1 s, so another machine might have taken the job")


def test_it_watches_also_while_the_question_hangs_and_time_counts_from_when_it_was_asked(lease, said, clock):
    def hang():
        clock.now = 0.7
        wait(said, "save")
        return True

    clock.now = 0.1
    assert lease.renew(hang)
    assert said == [("save", pytest.approx(0.1))]
    clock.now = 0.91
    wait(said, "kill")


def test_the_store_is_asked_a_few_times_in_a_lease_and_its_no_is_passed_on(lease, clock):
    asked = []
    for step in range(60):
        clock.now = step / 600
        assert lease.renew(lambda: asked.append(clock.now) is None)
    assert len(asked) == 1, "the first is due after a twelfth"
    assert asked[0] == pytest.approx(1 / RENEWALS)
    clock.now += 1 / RENEWALS
    assert not lease.renew(lambda: False)
