from dataclasses import replace

from deepsynth.core.documents import Score
from deepsynth.evaluation.frontier_points import Cost, SummaryPoint, merge_alike

POINT = SummaryPoint(
    mode="tiny", target="1x", compression=2.0, visual_tokens=73.0, pages=1.0, px=10.0, legible=1.0, cut=0,
    quality=Score(mean=30, low=28, high=32, n=4), text_quality=None,
    cost=Cost(seconds=0.5, memory_mib=None, cache_mib=2.0), text_cost=None,
)  # fmt: skip


def test_neighbors_that_look_the_same_are_one_point_with_all_their_targets():
    smaller = replace(POINT, target="4x", compression=4.0, px=7.0)
    other = replace(POINT, mode="small")
    found = merge_alike([POINT, replace(POINT, target="2x"), smaller, replace(smaller, target="64 tokens"), other])
    assert [point.target for point in found] == ["1x, 2x", "4x, 64 tokens", "1x"]
    assert [point.compression for point in found] == [2.0, 4.0, 2.0]


def test_a_page_more_is_another_point():
    assert len(merge_alike([POINT, replace(POINT, target="0.5x", pages=1.25)])) == 2
