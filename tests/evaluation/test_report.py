import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest

from deepsynth.evaluation import report as report_module
from deepsynth.evaluation.baselines import LEAD
from deepsynth.evaluation.report import curve_chart, html, read_curve, write_report
from deepsynth.evaluation.report_words import markdown


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
