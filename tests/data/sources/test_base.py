import pytest

from deepsynth.core.documents import Document, Record
from deepsynth.data.sources import Rejection, RowSource
from deepsynth.data.sources.base import hash_place, make_fingerprint


class TwoRows(RowSource):
    fingerprint = "f"

    def rows(self):
        yield Record(document=Document(id="good", text="text"))
        yield Rejection(where="line 2", reason="bad-json")


def test_iterating_gives_the_good_rows_and_keeps_the_bad_ones_aside():
    source = TwoRows("two")
    for _ in range(2):
        assert [record.document.id for record in source] == ["good"]
        assert [row.reason for row in source.rejected] == ["bad-json"]


def test_a_fingerprint_follows_content_and_not_order():
    assert (
        make_fingerprint({"a": 1, "b": 2}) == make_fingerprint({"b": 2, "a": 1}) != make_fingerprint({"a": 1, "b": 3})
    )


def test_a_place_is_decided_by_its_key_alone_and_spread_evenly():
    places = [hash_place(f"0:{number}") for number in range(1000)]
    assert all(0 <= place < 1 for place in places)
    assert sum(place < 0.2 for place in places) == pytest.approx(200, abs=40)
    assert hash_place("a\udce9") == hash_place("a\udce9")
