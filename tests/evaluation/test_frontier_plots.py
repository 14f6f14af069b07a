from tests.evaluation.frontier_values import frontier, frontier_of_reading, reading

from deepsynth.evaluation.frontier_plots import plots


def test_illegible_points_are_rings_and_the_papers_curve_is_dashed():
    pictures = {title: str(chart) for title, _, chart in plots(frontier())}
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


def test_what_was_not_measured_has_no_picture():
    drawn = [title for title, _, chart in plots(frontier_of_reading(reading(650, 97))) if chart]
    assert drawn == ["Reading against compression"]
