import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest

from deepsynth.core.documents import Score
from deepsynth.evaluation import report as report_module
from deepsynth.evaluation.baselines import LEAD
from deepsynth.evaluation.evaluator import PageUse, Reading
from deepsynth.evaluation.published import BenchmarkRun, figures_beside
from deepsynth.evaluation.report import (
    RunReport,
    curve_chart,
    html,
    markdown,
    read_curve,
    tables,
    verdict,
    write_report,
)
from deepsynth.evaluation.systems import MODEL, evaluate_summaries
from deepsynth.evaluation.uncertainty import Difference


def page_use(gap: float, width: float) -> PageUse:
    own, other = (Score(mean=mean, low=mean - width, high=mean + width, n=6) for mean in (1.0, 1.0 + gap))
    return PageUse(
        own=own, other=other, difference=Difference(mean=gap, low=gap - width, high=gap + width, p_value=0.5)
    )


@pytest.fixture
def run(examples, training):
    copied = [example.summary for example in examples]
    evaluation = evaluate_summaries(examples, copied, training, settings={"model": "tiny"}, data_fingerprint="f")
    reading = Reading(
        scores={name: Score(mean=44, low=40, high=48, n=2) for name in ("cer", "wer", "precision")},
        rows=[{"id": "d", "text": "tide", "transcript": "tida"}],
    )
    benchmark = BenchmarkRun(dataset="xsum", subset=None, split="test", rows=6, metrics=evaluation.report.scores[MODEL])
    return RunReport(
        title="A <run>",
        evaluation=evaluation,
        examples=examples,
        readings={"lines": reading},
        page_order=(Difference(mean=-3, low=-5, high=-1, p_value=0.01), 4),
        page_use=page_use(1.5, 0.2),
        curve=[(1, 5.0), (2, 3.0)],
        costs={
            "pages": 1.0, "visual_tokens": 21.0, "prompt_tokens": 30.0, "generated_tokens": 5.0, "text_tokens": 40.0,
            "compression": 1.9, "loops_percent": 0.0, "cut_percent": 50.0,
        },
        timing={"seconds_per_summary": 0.5},
        published=figures_beside(benchmark),
        facts={"Time": "1:00"},
        closing="The end.",
    )  # fmt: skip


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


def test_the_page_needs_nothing_else_and_allows_no_script_but_its_own(run):
    page = html(run)
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "url(" not in page
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    assert page.count("data:image/png;base64,") >= len(run.examples)


def test_every_text_is_escaped(run):
    evil = '<img src=x onerror="alert(1)">'
    report = run.evaluation.report
    rows = tuple(
        {**row, "id": evil, "text": evil, "reference": evil, "predictions": dict.fromkeys(row["predictions"], evil)}
        for row in report.rows
    )
    evaluation = replace(run.evaluation, report=replace(report, rows=rows), notes=(evil,))
    page = html(
        replace(run, evaluation=evaluation, closing=evil, facts={evil: evil}, readings={evil: run.readings["lines"]})
    )
    assert "<img src=x" not in page
    assert "A &lt;run&gt;" in page


def test_html_markdown_and_json_tell_the_same_figures(run, tmp_path):
    path = write_report(run, tmp_path)
    values = json.loads((tmp_path / "report.json").read_text())
    mean = values["scores"][LEAD]["rougeL"]["mean"]
    assert f"{mean:.1f}" in path.read_text()
    assert f"{mean:.1f}" in (tmp_path / "report.md").read_text()
    assert values["tokenizer"] in markdown(run)
    assert values["differences"][LEAD]["rougeL"]["mean"] == pytest.approx(100 - mean)
    assert len(values["rows"]) == len(run.examples)
    assert values["page_order"]["rows"] == 4


def test_each_score_stands_in_exactly_one_table(run):
    columns = [column for _, found in tables(run) for column in found]
    assert sorted(columns) == sorted(run.evaluation.report.scores[MODEL])


def test_figures_that_do_not_compare_say_why(run):
    assert "BRIO: not comparable (6 rows here, 11,334 there; no variant of ROUGE in common)" in markdown(run)
    assert "6 rows here, 11,334 there" in html(run)


def test_rows_and_pictures_have_a_limit_that_is_told(run, monkeypatch):
    monkeypatch.setattr(report_module, "SHOWN_ROWS", 3)
    monkeypatch.setattr(report_module, "PICTURE_BYTES", 10)
    page = html(run)
    assert page.count('<details class="row"') == 3
    assert "The first 3 of 6 documents" in page
    assert page.count("data:image/png") == 1
    assert page.count("no picture in this file") == 2


def test_rows_can_be_sorted_by_any_score(run):
    page = html(run)
    (options,) = re.findall(r'<select id="by">(.*?)</select>', page)
    names = re.findall(r'value="(\w+)"', options)
    rows = re.findall(r'<details class="row"([^>]*)>', page)
    assert all(f'data-{name}="' in row for name in names for row in rows)
    assert page.count('<table class="sortable">') >= 3


def test_the_curve_is_drawn_from_the_runs_metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 4.0}\n{"step": 1, "evaluation_loss": 3.9}\n{"step": 2, "loss": 2.0}\n')
    assert read_curve(path) == [(1, 4.0), (2, 2.0)]
    assert "Loss from 4.00 to 2.00 over 2 steps" in curve_chart(read_curve(path))
    assert curve_chart([]) == ""
    assert read_curve(tmp_path / "gone.jsonl") == []
