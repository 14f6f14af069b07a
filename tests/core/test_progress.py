import pytest

from deepsynth.core.progress import Rate, format_seconds


@pytest.mark.parametrize(("seconds", "text"), [(None, "?"), (0, "0:00"), (61, "1:01"), (3723, "1:02:03")])
def test_times_are_readable(seconds, text):
    assert format_seconds(seconds) == text


def test_the_rate_counts_this_run_alone(monkeypatch):
    clock = iter([100.0, 110.0, 110.0])
    monkeypatch.setattr("deepsynth.core.progress.time.monotonic", lambda: next(clock))
    rate = Rate(total=120, start=20)
    assert rate.per_second(70) == 5
    assert rate.seconds_left(70) == 10
