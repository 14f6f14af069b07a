from tests.evaluation.frontier_values import frontier, frontier_of_reading, reading

from deepsynth.evaluation.frontier_tables import fox_table, summary_table, titled_tables


def test_our_pages_stand_in_the_papers_bins_with_its_figures():
    heads, rows = fox_table(frontier().reading)
    assert heads == ["Gold tokens", "Paper's pages", "Paper, 64", "Paper, 100", "Here, tiny"]
    table = {row[0]: row[1:] for row in rows}
    assert table["600-700"][:3] == ["7", "96.5 (10.5x)", "98.5 (6.7x)"]
    assert table["600-700"][3].startswith("97.0 [")
    assert "(10.2x, 2 pages)" in table["600-700"][3]
    assert table["700-800"][3] == "not drawn"
    assert table["900-1000"][0] == ""
    assert table["1200-1300"][3].startswith("60.0 [")


def test_what_was_not_measured_is_called_so():
    heads, rows = summary_table(frontier().summaries)
    assert {row[heads.index("Memory MiB")] for row in rows} == {"not measured"}


def test_a_table_without_rows_is_left_out():
    assert [title for title, *_ in titled_tables(frontier_of_reading(reading(650, 97)))] == [
        "Reading",
        "In the paper's format",
    ]
