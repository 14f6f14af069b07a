import json

from hypothesis import given
from hypothesis import strategies as st

from deepsynth.web.curves import read_curves, thin


def write(path, steps, mode="a"):
    with path.open(mode) as file:
        file.writelines(json.dumps({"step": step, "loss": 10 - step, "note": "x"}) + "\n" for step in steps)


def test_a_cursor_gives_what_is_new_and_only_that(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_curves(path).series == {}
    write(path, range(3))
    first = read_curves(path)
    assert first.series == {"loss": [(0, 10), (1, 9), (2, 8)]}
    write(path, [3])
    second = read_curves(path, first.cursor)
    assert (second.series, second.reset) == ({"loss": [(3, 7)]}, False)
    assert read_curves(path, second.cursor).series == {}


def test_a_line_that_is_being_written_waits_for_its_end(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n{"step": 2, "lo')
    first = read_curves(path)
    assert first.series == {"loss": [(1, 2)]}
    with path.open("a") as file:
        file.write('ss": 3}\n')
    assert read_curves(path, first.cursor).series == {"loss": [(2, 3)]}


def test_points_that_a_resumed_run_dropped_are_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(10))
    cursor = read_curves(path).cursor
    write(path, range(5), "w")
    path.write_text(path.read_text() + "".join(json.dumps({"step": step, "loss": 99}) + "\n" for step in range(5, 30)))
    again = read_curves(path, cursor)
    assert again.reset
    assert len(again.series["loss"]) == 30


def test_gaps_and_chosen_names(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": null, "rate": 1}\nnonsense\n[1]\n{"step": 2, "loss": 1}\n')
    assert read_curves(path, names={"loss"}).series == {"loss": [(1, None), (2, 1)]}


def test_a_cursor_from_nowhere_begins_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(3))
    for cursor in ("x", "5-", "99999-00000000", "-1-0", "5-zz", "1" * 30 + "-0"):
        found = read_curves(path, cursor)
        assert found.reset
        assert len(found.series["loss"]) == 3


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=300), st.integers(10, 60)
)
def test_thinning_keeps_ends_extremes_and_order_within_the_limit(values, limit):
    points = list(enumerate(values))
    kept = thin(points, limit)
    assert len(kept) <= limit
    assert set(kept) <= set(points)
    assert [step for step, _ in kept] == sorted(step for step, _ in kept)
    if points:
        assert kept[0] == points[0]
        assert kept[-1] == points[-1]
    numbers = [value for value in values if value is not None]
    if numbers:
        shown = [value for _, value in kept if value is not None]
        assert (min(shown), max(shown)) == (min(numbers), max(numbers))
