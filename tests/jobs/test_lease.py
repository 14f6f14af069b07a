import time

import pytest

from deepsynth.jobs.lease import RENEWALS, Lease


@pytest.fixture
def said():
    return []


@pytest.fixture
def lease(said):
    made = Lease(1.0, lambda seconds: said.append(("save", seconds)), lambda why: said.append(("kill", why)))
    yield made
    made.end()


def wait(said, word, seconds=10):
    end = time.monotonic() + seconds
    while word not in [name for name, _ in said]:
        assert time.monotonic() < end, f"waited in vain for {word}"
        time.sleep(0.01)


def test_an_attempt_that_hears_nothing_saves_first_and_is_killed_before_its_lease_is_over(lease, said):
    wait(said, "kill")
    names = [name for name, _ in said]
    assert names.count("save") == 1
    assert names.index("save") < names.index("kill")
    assert 0 < dict(said)["save"] <= 0.3
    assert "out of reach" in next(why for name, why in said if name == "kill")


def test_it_watches_also_while_the_question_hangs(lease, said):
    def hang():
        wait(said, "kill")
        return True

    time.sleep(1.1 / RENEWALS)
    lease.renew(hang)  # and the answer counts from when it was asked
    assert ("save", pytest.approx(0.3, abs=0.1)) in said


def test_the_store_is_asked_a_few_times_in_a_lease_and_its_no_is_passed_on(said):
    lease, asked = Lease(60.0, said.append, said.append), []
    try:
        assert all(lease.renew(lambda: asked.append(1) is None) for _ in range(50))
        assert not asked
    finally:
        lease.end()
    short = Lease(0.0001, said.append, said.append)
    short.end()
    time.sleep(0.001)
    assert not short.renew(lambda: False)
