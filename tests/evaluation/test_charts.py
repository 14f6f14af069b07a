import re
import xml.etree.ElementTree as ElementTree

import pytest

from deepsynth.evaluation.charts import Mark, Point, Series, interval_chart, line_chart, ticks


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 100, 5, [0, 20, 40, 60, 80, 100]),
        (0, 7.3, 5, [0, 2, 4, 6, 8]),
        (0.02, 0.11, 5, [0.02, 0.04, 0.06, 0.08, 0.1, 0.12]),
        (3, 3, 5, [3, 4]),
        (-4, 9, 5, [-5, 0, 5, 10]),
    ],
)
def test_ticks_are_round_and_span_the_values(low, high, count, expected):
    found = ticks(low, high, count)
    assert found == pytest.approx(expected)
    assert found[0] <= low <= high <= found[-1]


def chart(points, **options):
    return line_chart([Series(name="a <b>", points=points)], x_label="x & y", y_label="value", **options)


def test_a_chart_is_well_formed_and_escaped():
    svg = str(chart([Point(x=1, y=2, low=1, high=3, note="<i>"), Point(x=2, y=4, hollow=True)]))
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "value against x & y: a <b>"
    titles = [element.text for element in root.iter("title")]
    assert titles == ["a <b>: 1, 2 [1, 3]; <i>", "a <b>: 2, 4"]
    assert svg.count('class="hollow"') == 1
    assert svg.count('class="interval"') == 1


def test_points_fall_where_the_axes_say():
    svg = str(chart([Point(x=0, y=0), Point(x=10, y=100)]))
    places = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert places == [("46.0", "278.0"), ("628.0", "30.0")]


def test_several_series_get_a_legend_and_dashes():
    series = [
        Series(name="ours", points=[Point(x=0, y=1)]),
        Series(name="paper", points=[Point(x=1, y=2)], dashed=True),
    ]
    markup = str(line_chart(series, x_label="x", y_label="y"))
    assert markup.count("<li>") == 2
    assert 's1 dashed"/></svg>paper' in markup


def test_series_that_belong_together_share_a_color():
    series = [Series(name=name, points=[Point(x=0, y=1)], color=2, dashed=name == "b") for name in "ab"]
    markup = str(line_chart(series, x_label="x", y_label="y"))
    assert markup.count('<g class="s2') == 2
    assert markup.count('<g class="s2 dashed') == 1


def test_no_points_draw_nothing():
    assert chart([]) == ""
    assert interval_chart([], label="none") == ""


def test_systems_are_drawn_with_their_intervals_the_model_stressed():
    svg = str(interval_chart([("lead", 30, 28, 32, False), ("<model>", 10, 9, 11, True)], label="ROUGE-L"))
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "ROUGE-L: lead 30.0, <model> 10.0"
    groups = [element.get("class") for element in root.iter("g")]
    assert groups == ["s7", "s0 stressed"]


def test_a_mark_is_an_upright_line_at_its_value_and_widens_the_axis():
    points = [Point(x=0, y=0), Point(x=4, y=1)]
    svg = ElementTree.fromstring(str(chart(points, marks=[Mark(x=8, name="limit <1>", color=2)])))
    line = next(element for element in svg.iter("line") if element.get("class") == "mark")
    centers = [float(element.get("cx", "nan")) for element in svg.iter("circle")]
    assert line.get("x1") == line.get("x2")
    assert float(line.get("x1", "nan")) == pytest.approx(2 * centers[1] - centers[0], abs=0.2)
    assert [element.text for element in line.iter("title")] == ["limit <1>: 8"]
