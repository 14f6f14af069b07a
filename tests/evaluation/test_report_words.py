from dataclasses import replace

import pytest
from tests.evaluation.conftest import page_use

from deepsynth.evaluation.report_words import RunReport, brief, markdown, tables, verdict
from deepsynth.evaluation.systems import MODEL
from deepsynth.evaluation.uncertainty import Difference


def with_difference(run, mean, low, high) -> RunReport:
    difference = Difference(mean=mean, low=low, high=high, p_value=0.5)
    changed = {name: dict.fromkeys(row, difference) for name, row in run.evaluation.differences.items()}
    return replace(run, evaluation=replace(run.evaluation, differences=changed))


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ((10, 8, 12), "better than the first sentence"),
        ((-10, -12, -8), "worse than the first sentence"),
        ((1, -2, 4), "cannot be told from the first sentence"),
    ],
)
def test_the_verdict_follows_the_paired_intervals(run, difference, words):
    assert words in verdict(with_difference(run, *difference))[0]


@pytest.mark.parametrize(
    ("gap", "width", "words"),
    [
        (1.5, 0.2, "It uses the page: a summary costs 1.00 nats"),
        (0.1, 0.05, "It hardly uses"),
        (0.6, 0.7, "It does not clearly use"),
        (-0.6, 0.1, "It does not clearly use"),
    ],
)
def test_the_verdict_says_whether_the_page_is_used(run, gap, width, words):
    assert words in " ".join(verdict(replace(run, page_use=page_use(gap, width))))


def test_the_verdict_says_how_well_it_reads_and_whether_order_matters(run):
    assert "It reads lines hardly at all: 44 of 100 characters are wrong." in verdict(run)
    assert "The order of pages matters: reversed, ROUGE-L changes by -3.0 [-5.0, -1.0] (4 rows)." in verdict(run)


def test_each_score_stands_in_exactly_one_table(run):
    columns = [column for _, found in tables(run) for column in found]
    assert sorted(columns) == sorted(run.evaluation.report.scores[MODEL])


def test_a_terminal_is_shown_the_verdict_and_every_system_but_not_the_whole_report(run):
    shown, whole = brief(run), markdown(run)
    assert all(line in shown for line in verdict(run))
    assert all(f"| {name} |" in shown for name in run.evaluation.report.scores)
    assert shown.count("| System |") == 1
    assert len(shown) < len(whole)
