import pytest

from deepsynth.core.documents import Progress
from deepsynth.core.progress import Pace, Rate, format_seconds, in_words


@pytest.mark.parametrize(("seconds", "text"), [(None, "?"), (0, "0:00"), (61, "1:01"), (3723, "1:02:03")])
def test_times_are_readable(seconds, text):
    assert format_seconds(seconds) == text


def test_the_rate_counts_this_run_alone(monkeypatch):
    clock = iter([100.0, 110.0, 110.0])
    monkeypatch.setattr("deepsynth.core.progress.time.monotonic", lambda: next(clock))
    rate = Rate(total=120, start=20)
    assert rate.per_second(70) == 5
    assert rate.seconds_left(70) == 10


def test_each_part_of_the_work_has_a_rate_of_its_own():
    pace = Pace()
    first = pace.follow(Progress(done=3, total=10, message="rows"))
    assert first.start == 3
    assert pace.follow(Progress(done=7, total=10, message="rows")) is first
    other = pace.follow(Progress(done=7, total=20, message="pages"))
    assert (other.start, other.total) == (7, 20)
    assert pace.follow(Progress(done=2, total=20, message="pages")).start == 2, "it has started over"


def test_a_result_is_told_in_its_own_words():
    class Result:
        def describe(self):
            return "3 of 4"

    assert [in_words(result) for result in (None, "done", Result())] == ["", "done", "3 of 4"]
