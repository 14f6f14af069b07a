import json
import re

import pytest

from deepsynth.core.documents import Score
from deepsynth.evaluation.frontier_points import Cost, Frontier, ReadingPoint, SummaryPoint
from deepsynth.evaluation.frontier_report import (
    FrontierReport,
    fox_table,
    frontier_html,
    frontier_markdown,
    plots,
    remarks,
    write_frontier,
)


def score(mean: float, width: float = 1.0) -> Score:
    return Score(mean=mean, low=mean - width, high=mean + width, n=4)


COST = Cost(seconds=0.5, memory_mib=None, cache_mib=2.0)


def reading(tokens: int, precision: float, **changed) -> ReadingPoint:
    values = {
        "mode": "tiny", "text_tokens": float(tokens), "nominal_tokens": 64, "visual_tokens": 73, "px": 10.0, "legible": 1.0,
        "pages": 2, "precision": score(precision), "cer": score(5), "shuffled_precision": score(precision - 20),
        "page_tokens": (tokens, tokens + 10), "page_precision": (precision - 1, precision + 1), "cost": COST,
    }  # fmt: skip
    return ReadingPoint(**{**values, **changed})


def summary(compression: float, quality: float, text: float | None, **changed) -> SummaryPoint:
    values = {
        "mode": "tiny", "target": f"{compression:g}x", "compression": compression, "visual_tokens": 73.0, "pages": 1.0,
        "px": 10.0, "legible": 1.0, "cut": 0, "quality": score(quality), "text_quality": None if text is None else score(text),
        "cost": COST, "text_cost": None if text is None else COST,
    }  # fmt: skip
    return SummaryPoint(**{**values, **changed})


@pytest.fixture
def told():
    frontier = Frontier(
        reading=(reading(650, 97), reading(1250, 60, legible=0.2)),
        summaries=(summary(2, 30, 20), summary(8, 20, 30), summary(12, 25, 25.5, cut=3)),
        text_in_full=score(33),
        text_tokens=900.0,
        baselines={"lead <1>": score(28)},
        legible_to={"tiny": 11.6},
    )
    return FrontierReport(
        title="A <sweep>", frontier=frontier, settings={"a": 1}, data_fingerprint="f", facts={"Data": "x"}
    )


def test_the_remarks_follow_the_figures(told):
    lines = remarks(told.frontier)
    assert lines[0] == "Reading in tiny: precision stays above 90 % up to 10.2x."
    assert "smallest letters that can be read hold 11.6x in tiny" in lines[1]
    assert "better summaries at 1 of 3 points, worse ones at 1" in lines[2]
    assert "fails there for that reason alone" in lines[3]
    assert "lose their end" in lines[4]


def test_no_precision_above_90_is_said_so(told):
    frontier = Frontier(
        reading=(reading(650, 80), reading(650, 90.5)),
        summaries=(),
        text_in_full=None,
        text_tokens=0,
        baselines={},
        legible_to={},
    )
    assert "nowhere surely above 90 %; the best is 90.5 [89.5, 91.5] %" in remarks(frontier)[0]


def test_our_pages_stand_in_the_papers_bins_with_its_figures(told):
    heads, rows = fox_table(told.frontier.reading)
    assert heads == ["Gold tokens", "Paper's pages", "Paper, 64", "Paper, 100", "Here, tiny"]
    table = {row[0]: row[1:] for row in rows}
    assert table["600-700"][:3] == ["7", "96.5 (10.5x)", "98.5 (6.7x)"]
    assert table["600-700"][3].startswith("97.0 [")
    assert "(10.2x, 2 pages)" in table["600-700"][3]
    assert table["700-800"][3] == "not drawn"
    assert table["900-1000"][0] == ""
    assert table["1200-1300"][3].startswith("60.0 [")


def test_illegible_points_are_rings_and_the_papers_curve_is_dashed(told):
    pictures = {title: str(chart) for title, _, chart in plots(told.frontier)}
    chart = pictures["Reading against compression"]
    assert chart.count('class="hollow"') == 2  # the dense pages, plain and shuffled
    assert "the paper on Fox, 64 visual tokens: 10.5, 96.5; 600-700" in chart
    assert chart.count(' dashed"><polyline') == 3
    assert chart.count('class="mark"') == 1
    assert "tiny, letters at the floor of legibility: 11.6" in chart
    assert set(pictures) == {
        f"{what} against compression" for what in ("Reading", "Summaries", "Tokens", "Latency", "Memory")
    }
    assert all(pictures.values())


def test_all_three_forms_tell_the_same_and_the_page_needs_nothing_else(told, tmp_path):
    path = write_frontier(told, tmp_path)
    page, text = path.read_text(), (tmp_path / "frontier.md").read_text()
    values = json.loads((tmp_path / "frontier.json").read_text())
    assert values["reading"][0]["precision"]["mean"] == 97
    assert values["summaries"][2]["cut"] == 3
    for content in (page, text):
        assert "97.0 [96.0, 98.0]" in content
        assert "30.0 [29.0, 31.0]" in content
        assert "arXiv 2510.18234" in content
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "A &lt;sweep&gt;" in page
    assert "lead &lt;1&gt;" in page


def test_what_was_not_measured_is_called_so_and_what_was_left_out_has_no_table(told):
    text = frontier_markdown(told)
    assert "not measured" in text  # memory
    alone = FrontierReport(
        title="t",
        frontier=Frontier(reading=told.frontier.reading, summaries=(), text_in_full=None, text_tokens=0, baselines={},
        legible_to={},),
        settings={}, data_fingerprint="f", facts={},
    )  # fmt: skip
    assert "Without compression" not in frontier_markdown(alone)
    assert "Summaries against compression" not in frontier_html(alone)
