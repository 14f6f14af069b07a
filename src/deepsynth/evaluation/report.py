"""A report that people look at: one HTML file that needs nothing else, the same in Markdown, and JSON for programs."""

from __future__ import annotations

import base64
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from deepsynth.core.documents import Example, Report, Score
from deepsynth.core.files import write_json, write_text
from deepsynth.evaluation.baselines import LEAD, RANDOM
from deepsynth.evaluation.evaluator import MODEL, Reading
from deepsynth.evaluation.tokenizer import TOKENIZER_NAME
from deepsynth.rendering.png import encode_png

SHOWN_ROWS = 24
COLUMNS = ("rouge1", "rouge2", "rougeL", "words", "new bigrams %", "repeated 4-grams %")
HEADS = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """Everything that is told about a run."""

    title: str
    report: Report
    examples: Sequence[Example]
    """The rows of the report, with their pages, in the same order."""
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    """How well the model reads, by kind of text."""
    losses: tuple[float, float] | None = None
    """Loss per token with the right pages and with another row's."""
    curve: Sequence[tuple[int, float]] = ()
    """(step, loss) while training."""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else the reader should know: times, sizes, the data."""
    closing: str = ""
    """A last paragraph."""


def verdict(run: RunReport) -> list[str]:
    """Return what the figures say, in plain words; a difference within the intervals is called so."""
    scores = run.report.scores
    model = scores[MODEL]["rougeL"]
    lines = [
        _compare(model, scores[LEAD]["rougeL"], "the first sentence of the document"),
        _compare(model, scores[RANDOM]["rougeL"], "the summary of a random other document"),
    ]
    if run.losses is not None:
        right, other = run.losses
        gap = other - right
        reads = (
            "It uses the page"
            if gap > 0.5
            else "It uses the page a little"
            if gap > 0.02
            else "It hardly uses the page"
        )
        lines.append(
            f"{reads}: a summary costs {right:.2f} nats a token with its own page and {other:.2f} with another document's."
        )
    for kind, reading in run.readings.items():
        rate = reading.scores["CER %"]
        word = "well" if rate.mean < 5 else "with errors" if rate.mean < 40 else "hardly at all"
        lines.append(f"It reads {kind} {word}: {rate.mean:.0f} of 100 characters are wrong.")
    return lines


def _compare(model: Score, other: Score, what: str) -> str:
    figures = f"(ROUGE-L {model.mean:.1f} against {other.mean:.1f})"
    if model.low > other.high:
        return f"The model's summaries are better than {what} {figures}."
    if model.high < other.low:
        return f"The model's summaries are worse than {what} {figures}."
    return f"The model's summaries cannot be told from {what}: the intervals overlap {figures}."


def write_report(run: RunReport, folder: Path) -> Path:
    """Write report.html, report.md and report.json into `folder`; return the first."""
    write_json(folder / "report.json", report_values(run))
    write_text(folder / "report.md", markdown(run))
    write_text(folder / "report.html", html(run))
    return folder / "report.html"


def report_values(run: RunReport) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "title": run.title,
        "verdict": verdict(run),
        "tokenizer": TOKENIZER_NAME,
        "data_fingerprint": run.report.data_fingerprint,
        "settings": dict(run.report.settings),
        "facts": dict(run.facts),
        "losses": run.losses,
        "scores": {
            name: {metric: asdict(score) for metric, score in row.items()} for name, row in run.report.scores.items()
        },
        "reading": {
            kind: {metric: asdict(score) for metric, score in reading.scores.items()}
            for kind, reading in run.readings.items()
        },
        "rows": [dict(row) for row in run.report.rows],
    }


def markdown(run: RunReport) -> str:
    """Return the report as Markdown."""
    head = "| System | " + " | ".join(HEADS.get(name, name) for name in COLUMNS) + " |"
    rule = "|---|" + "---:|" * len(COLUMNS)
    rows = [
        f"| {name} | " + " | ".join(_figure(row[column]) for column in COLUMNS) + " |"
        for name, row in run.report.scores.items()
    ]
    readings = [
        f"- {kind}: " + ", ".join(f"{name} {_figure(score)}" for name, score in reading.scores.items())
        for kind, reading in run.readings.items()
    ]
    facts = [f"- {name}: {value}" for name, value in run.facts.items()]
    count = len(run.report.rows)
    parts = [
        f"# {run.title}", "\n".join(f"- {line}" for line in verdict(run)),
        f"{count} rows, mean [95 % interval], words by `{TOKENIZER_NAME}`.", "\n".join([head, rule, *rows]),
        "\n".join(readings), "\n".join(facts), run.closing,
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _figure(score: Score) -> str:
    return f"{score.mean:.1f} [{score.low:.1f}, {score.high:.1f}]"


def html(run: RunReport) -> str:
    """Return the report as one self-contained page; every text in it is escaped."""
    source = files("deepsynth.evaluation").joinpath("templates", "report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(source).render(
        run=run,
        verdict=verdict(run),
        columns=COLUMNS,
        heads=HEADS,
        figure=_figure,
        model=MODEL,
        lead=LEAD,
        tokenizer=TOKENIZER_NAME,
        rows=[_row(run, number) for number in range(min(SHOWN_ROWS, len(run.report.rows)))],
        curve=curve_svg(run.curve),
    )


def _row(run: RunReport, number: int) -> dict[str, Any]:
    row, example = run.report.rows[number], run.examples[number]
    predictions: Mapping[str, str] = row["predictions"]
    return {
        "id": row["id"],
        "text": row["text"],
        "reference": row["reference"],
        "prediction": mark_differences(predictions[MODEL], row["reference"]),
        "lead": predictions[LEAD],
        "pages": [_data_uri(encode_png(page.image)) for page in example.pages],
    }


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def mark_differences(prediction: str, reference: str) -> Markup:
    """Return the prediction with the words that the reference holds too, in order, marked."""
    words, known = prediction.split(), [word.lower() for word in reference.split()]
    matcher = difflib.SequenceMatcher(a=[word.lower() for word in words], b=known, autojunk=False)
    shared = {index for block in matcher.get_matching_blocks() for index in range(block.a, block.a + block.size)}
    pieces = (
        Markup("<mark>{}</mark>").format(word) if number in shared else escape(word)
        for number, word in enumerate(words)
    )
    return Markup(" ").join(pieces)


def curve_svg(points: Sequence[tuple[int, float]], width: int = 640, height: int = 200) -> Markup:
    """Return the loss curve as an inline SVG with its scales; empty for fewer than two points."""
    if len(points) < 2:
        return Markup()
    last, top = points[-1][0], max(loss for _, loss in points)
    left, bottom = 40, 24
    path = " ".join(
        f"{left + (width - left - 8) * step / last:.1f},{8 + (height - bottom - 8) * (1 - loss / top):.1f}"
        for step, loss in points
    )
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="Loss from {a:.2f} to {b:.2f} over {last} steps">'
        '<polyline points="{path}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        '<text x="0" y="16">{top:.1f}</text><text x="0" y="{y}">0</text>'
        '<text x="{left}" y="{h2}">step 0</text><text x="{w2}" y="{h2}" text-anchor="end">step {last}</text></svg>'
    ).format(
        w=width, h=height, a=points[0][1], b=points[-1][1], last=last, path=path, top=top, y=height - bottom, left=left,
        h2=height - 6, w2=width - 8,
    )  # fmt: skip


def read_curve(path: Path) -> list[tuple[int, float]]:
    """Return (step, loss) from a run's metrics.jsonl; empty where there is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines]
    return [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
