import json
import re

import pytest
from tests.evaluation.frontier_values import frontier, frontier_of_reading, reading

from deepsynth.evaluation.frontier_report import (
    FrontierReport,
    frontier_html,
    frontier_markdown,
    remarks,
    write_frontier,
)


@pytest.fixture
def told():
    return FrontierReport(
        title="A <sweep>", frontier=frontier(), settings={"a": 1}, data_fingerprint="f", facts={"Data": "x"}
    )


def test_the_remarks_follow_the_figures(told):
    lines = remarks(told.frontier)
    assert lines[0] == "Reading in tiny: precision stays above 90 % up to 10.2x."
    assert "smallest letters that can be read hold 11.6x in tiny" in lines[1]
    assert "better summaries at 1 of 3 points, worse ones at 1" in lines[2]
    assert "fails there for that reason alone" in lines[3]
    assert "lose their end" in lines[4]


def test_no_precision_above_90_is_said_so():
    told = remarks(frontier_of_reading(reading(650, 80), reading(650, 90.5)))
    assert "nowhere surely above 90 %; the best is 90.5 [89.5, 91.5] %" in told[0]


def test_a_precision_that_holds_with_gaps_is_not_called_held():
    told = remarks(frontier_of_reading(reading(1280, 95), reading(640, 80), reading(64, 99)))
    assert told[0] == "Reading in tiny: precision stays above 90 % up to 1.0x."
    told = remarks(frontier_of_reading(reading(1280, 95), reading(640, 80)))
    assert told[0] == "Reading in tiny: precision is surely above 90 % at 20.0x, but not at 10.0x."


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


def test_what_was_left_out_has_no_table_and_no_plot(told):
    alone = FrontierReport(
        title="t", frontier=frontier_of_reading(reading(650, 97)), settings={}, data_fingerprint="f", facts={}
    )
    assert "Without compression" in frontier_markdown(told)
    assert "Without compression" not in frontier_markdown(alone)
    assert "Summaries against compression" in frontier_html(told)
    assert "Summaries against compression" not in frontier_html(alone)
