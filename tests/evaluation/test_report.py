import json
import re
from dataclasses import replace

import pytest

from deepsynth.core.documents import Score
from deepsynth.evaluation.evaluator import MODEL, Reading, evaluate_summaries
from deepsynth.evaluation.report import (
    RunReport,
    curve_svg,
    html,
    mark_differences,
    markdown,
    read_curve,
    verdict,
    write_report,
)


@pytest.fixture
def run(examples, training):
    copied = [example.summary for example in examples]
    report = evaluate_summaries(examples, copied, training, settings={"model": "tiny"}, data_fingerprint="f")
    reading = Reading(
        scores={"CER %": Score(mean=44, low=40, high=48, n=2), "WER %": Score(mean=80, low=70, high=90, n=2)},
        rows=[{"id": "d", "text": "tide", "transcript": "tida"}],
    )
    return RunReport(
        title="A <run>",
        report=report,
        examples=examples,
        readings={"lines": reading},
        losses=(1.0, 2.5),
        curve=[(1, 5.0), (2, 3.0)],
        facts={"Time": "1:00"},
        closing="The end.",
    )


def with_scores(run, model: tuple[float, float, float], other: tuple[float, float, float]) -> RunReport:
    def score(values):
        return {"rougeL": Score(mean=values[0], low=values[1], high=values[2], n=6)}

    scores = {name: score(other) for name in run.report.scores} | {MODEL: score(model)}
    return replace(run, report=replace(run.report, scores=scores))


@pytest.mark.parametrize(
    ("model", "other", "words"),
    [
        ((30, 28, 32), (20, 18, 22), "better than the first sentence"),
        ((10, 8, 12), (20, 18, 22), "worse than the first sentence"),
        ((21, 18, 24), (20, 18, 22), "cannot be told from the first sentence"),
    ],
)
def test_the_verdict_follows_the_intervals(run, model, other, words):
    assert words in verdict(with_scores(run, model, other))[0]


@pytest.mark.parametrize(
    ("losses", "words"), [((1.0, 2.5), "It uses the page:"), ((1.0, 1.1), "a little"), ((1.0, 1.0), "hardly")]
)
def test_the_verdict_says_whether_the_page_is_used(run, losses, words):
    assert words in " ".join(verdict(replace(run, losses=losses)))


def test_the_verdict_says_how_well_it_reads(run):
    assert "It reads lines hardly at all: 44 of 100 characters are wrong." in verdict(run)


def test_the_page_needs_nothing_else_and_runs_nothing(run):
    page = html(run)
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "<script" not in page
    assert page.count("data:image/png;base64,") >= len(run.examples)


def test_every_text_is_escaped(run):
    evil = '<img src=x onerror="alert(1)">'
    rows = tuple(
        {**row, "text": evil, "reference": evil, "predictions": dict.fromkeys(row["predictions"], evil)}
        for row in run.report.rows
    )
    page = html(replace(run, report=replace(run.report, rows=rows), closing=evil, facts={evil: evil}))
    assert "<img src=x" not in page
    assert "A &lt;run&gt;" in page


def test_html_markdown_and_json_tell_the_same_figures(run, tmp_path):
    path = write_report(run, tmp_path)
    values = json.loads((tmp_path / "report.json").read_text())
    mean = values["scores"][MODEL]["rougeL"]["mean"]
    assert f"{mean:.1f}" in path.read_text()
    assert f"{mean:.1f}" in (tmp_path / "report.md").read_text()
    assert values["tokenizer"] in markdown(run)
    assert len(values["rows"]) == len(run.examples)


def test_words_that_the_reference_holds_are_marked():
    assert mark_differences("a red <tide>", "the Red tide") == "a <mark>red</mark> &lt;tide&gt;"


def test_the_curve_is_drawn_from_the_runs_metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 4.0}\n{"step": 1, "evaluation_loss": 3.9}\n{"step": 2, "loss": 2.0}\n')
    assert read_curve(path) == [(1, 4.0), (2, 2.0)]
    assert "Loss from 4.00 to 2.00 over 2 steps" in curve_svg(read_curve(path))
    assert curve_svg([]) == ""
    assert read_curve(tmp_path / "gone.jsonl") == []
