"""A report that people look at: one HTML file that needs nothing else, the same in Markdown, and JSON for programs.

What it says is put into words and tables by `report_words`; here it is laid out and written.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from deepsynth.core.documents import Example, Score
from deepsynth.core.files import write_json, write_text
from deepsynth.evaluation.charts import Point, Series, interval_chart, line_chart
from deepsynth.evaluation.differences import mark_differences
from deepsynth.evaluation.metrics import HEADLINE, METRICS
from deepsynth.evaluation.report_words import (
    RunReport,
    difference_word,
    figure,
    markdown,
    remarks,
    signed,
    tables,
    verdict,
)
from deepsynth.evaluation.systems import MODEL
from deepsynth.evaluation.tokenizer import TOKENIZER_NAME
from deepsynth.evaluation.uncertainty import Difference
from deepsynth.rendering.png import encode_png

SHOWN_ROWS = 48
PICTURE_BYTES = 12 * 2**20
"""Pictures that are put into the page, in bytes of PNG; rows behind that are shown without."""


def write_report(run: RunReport, folder: Path) -> Path:
    """Write report.html, report.md and report.json into `folder`; return the first."""
    write_json(folder / "report.json", report_values(run))
    write_text(folder / "report.md", markdown(run))
    write_text(folder / "report.html", html(run))
    return folder / "report.html"


def report_values(run: RunReport) -> dict[str, Any]:
    """Return the report as plain values; all but `timing` are the same in every run of the same settings."""
    evaluation = run.evaluation
    return {
        "title": run.title,
        "verdict": verdict(run),
        "tokenizer": TOKENIZER_NAME,
        "data_fingerprint": evaluation.report.data_fingerprint,
        "settings": dict(evaluation.report.settings),
        "facts": dict(run.facts),
        "notes": list(evaluation.notes),
        "page_use": None if run.page_use is None else asdict(run.page_use),
        "costs": dict(run.costs),
        "timing": dict(run.timing),
        "scores": {name: _values(row) for name, row in evaluation.report.scores.items()},
        "differences": {name: _values(row) for name, row in evaluation.differences.items()},
        "corpus": {name: dict(row) for name, row in evaluation.corpus.items()},
        "reading": {kind: _values(reading.scores) for kind, reading in run.readings.items()},
        "reading_rows": {kind: [dict(row) for row in reading.rows] for kind, reading in run.readings.items()},
        "page_order": None if run.page_order is None else {**asdict(run.page_order[0]), "rows": run.page_order[1]},
        "published": [asdict(item) for item in run.published],
        "rows": [dict(row) for row in evaluation.report.rows],
    }


def _values(row: Mapping[str, Score] | Mapping[str, Difference]) -> dict[str, dict[str, float]]:
    return {metric: asdict(score) for metric, score in row.items()}


def html(run: RunReport) -> str:
    """Return the report as one self-contained page; every text in it is escaped, and no script but its own may run."""
    return render_page(
        "report.html",
        run=run,
        evaluation=run.evaluation,
        verdict=verdict(run),
        tables=tables(run),
        remarks=remarks(run),
        model=MODEL,
        headline=HEADLINE,
        rows=_rows(run),
        systems_chart=_systems_chart(run),
        length_chart=_length_chart(run),
        curve=curve_chart(run.curve),
    )


def render_page(name: str, **values: Any) -> str:
    """Return a page of the templates with style and script inside it; the page forbids every other script and source."""
    templates = files("deepsynth.evaluation").joinpath("templates")
    script = templates.joinpath("report.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda part: templates.joinpath(part).read_text(encoding="utf-8")),
    )
    return environment.get_template(name).render(
        metrics=METRICS,
        figure=figure,
        signed=signed,
        difference_word=difference_word,
        style=Markup(templates.joinpath("report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )


def _rows(run: RunReport) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    room = PICTURE_BYTES
    for number in range(min(SHOWN_ROWS, len(run.evaluation.report.rows))):
        pages = [encode_png(page.image) for page in run.examples[number].pages] if room > 0 else []
        room -= sum(map(len, pages))
        found.append(_row(run.evaluation.report.rows[number], pages, run.examples[number]))
    return found


def _row(row: Mapping[str, Any], pages: Sequence[bytes], example: Example) -> dict[str, Any]:
    predictions: Mapping[str, str] = row["predictions"]
    prediction, reference = mark_differences(predictions[MODEL], row["reference"])
    return {
        "id": row["id"],
        "text": row["text"],
        "language": example.language,
        "reference": reference,
        "prediction": prediction,
        "others": {name: text for name, text in predictions.items() if name != MODEL},
        "scores": row["scores"],
        "pages": [_data_uri(png) for png in pages],
    }


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _systems_chart(run: RunReport) -> Markup:
    rows = [
        (name, row[HEADLINE].mean, row[HEADLINE].low, row[HEADLINE].high, name == MODEL)
        for name, row in run.evaluation.report.scores.items()
    ]
    return interval_chart(rows, label="ROUGE-L by system")


def _length_chart(run: RunReport) -> Markup:
    """Return ROUGE-L of each row against the length of its document: where the model gets lost, if it does."""
    points = [
        Point(x=len(row["text"]), y=row["scores"][HEADLINE], note=row["id"])
        for row in run.evaluation.report.rows[:2000]
        if row["text"]
    ]
    return line_chart(
        [Series(name="a row", points=points, joined=False)], x_label="characters of the document", y_label="ROUGE-L"
    )


def curve_chart(points: Sequence[tuple[int, float]]) -> Markup:
    """Return the loss while training; empty for fewer than two points."""
    if len(points) < 2:
        return Markup()
    series = Series(name="loss", points=[Point(x=step, y=loss) for step, loss in points])
    last = points[-1]
    summary = f"Loss from {points[0][1]:.2f} to {last[1]:.2f} over {last[0]} steps"
    return line_chart([series], x_label="step", y_label="nats a token", summary=summary)


def read_curve(path: Path) -> list[tuple[int, float]]:
    """Return (step, loss) from a run's metrics.jsonl; empty where there is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines]
    return [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
