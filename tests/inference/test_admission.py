from dataclasses import dataclass, field

import numpy as np

from deepsynth.core.documents import Example
from deepsynth.inference.admission import Row, admit, alike
from deepsynth.inference.engine import Prompt
from deepsynth.inference.writing import Writing

FREE = {"max_rows": 16, "max_tokens": 10_000}


@dataclass
class Encoded:
    """As much of an encoded example as admission looks at."""

    input_ids: np.ndarray = field(default_factory=lambda: np.zeros(10))


def row(identity, length=10, *, mode="nano-128", adapter="", **writing):
    asked = Writing(max_new_tokens=10, **writing)
    prompt = Prompt(example=Example(id="a", pages=(), text="a"), mode=mode, writing=asked, adapter=adapter)
    return Row(identity=identity, prompt=prompt, encoded=Encoded(np.zeros(length)), writer=None, stream=None)


def entered(waiting, running=(), **limits):
    return [item.identity for item in admit(waiting, running, **{**FREE, **limits})]


def test_the_oldest_enters_first_and_those_of_like_length_beside_it():
    waiting = [row(0, 50), row(1, 10), row(2, 45), row(3, 52)]
    assert entered(waiting) == [0, 3, 2, 1]
    assert entered(waiting, max_rows=2) == [0, 3]
    assert entered([]) == []


def test_places_that_are_taken_count():
    running = [row(9), row(8)]
    assert entered([row(0), row(1)], running, max_rows=3) == [0]
    assert entered([row(0)], running, max_rows=2) == []


def test_rows_times_the_longest_stay_within_the_cache_but_one_row_always_may():
    waiting = [row(0, 50), row(1, 50), row(2, 50)]  # each may reach 60 tokens
    assert entered(waiting, max_tokens=120) == [0, 1]
    assert entered(waiting, max_tokens=30) == [0]
    assert entered([row(0, 10)], [row(9, 100)], max_tokens=200) == []


def test_another_adapter_waits_and_is_not_overtaken():
    assert entered([row(0, adapter="news"), row(1)], [row(9)]) == []
    assert entered([row(0, adapter="news"), row(1), row(2, adapter="news")]) == [0, 2]


def test_searches_go_together_only_when_they_are_alike():
    waiting = [
        row(0, num_beams=3),
        row(1, num_beams=2),
        row(2, num_beams=3),
        row(3, num_beams=3, mode="nano-192"),
        row(4),
    ]
    assert entered(waiting) == [0, 2]
    assert entered(waiting, max_tokens=119) == [0], "each beam is a row of the cache"
    assert entered(waiting, [row(9)]) == []


def test_rows_are_read_in_groups_of_one_mode_and_like_length():
    rows = [row(0, 10), row(1, 12), row(2, 40), row(3, 11, mode="nano-192")]
    assert [[item.identity for item in group] for group in alike(rows)] == [[0, 1], [2], [3]]
