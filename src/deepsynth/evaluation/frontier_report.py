"""The frontier as a page with plots, as Markdown and as JSON; the paper's own curve stands beside ours, with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from deepsynth.core.documents import Score
from deepsynth.core.files import write_json, write_text
from deepsynth.evaluation.charts import Mark, Point, Series, line_chart
from deepsynth.evaluation.frontier_points import Frontier, ReadingPoint, SummaryPoint
from deepsynth.evaluation.precision import FOX_EDGES, precision_by_tokens
from deepsynth.evaluation.published import fox_curve
from deepsynth.evaluation.report import render_page
from deepsynth.evaluation.report_words import figure, markdown_table
from deepsynth.evaluation.systems import UNTRAINED_ON_TEXT
from deepsynth.evaluation.tokenizer import TOKENIZER_NAME


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierReport:
    """What is told about a sweep."""

    title: str
    frontier: Frontier
    settings: Mapping[str, Any]
    data_fingerprint: str
    facts: Mapping[str, str]


def write_frontier(told: FrontierReport, folder: Path) -> Path:
    """Write frontier.html, frontier.md and frontier.json into `folder`; return the first."""
    write_json(
        folder / "frontier.json",
        {
            "title": told.title,
            "tokenizer": TOKENIZER_NAME,
            "settings": dict(told.settings),
            "data_fingerprint": told.data_fingerprint,
            "facts": dict(told.facts),
            "remarks": remarks(told.frontier),
            **told.frontier.to_values(),
        },
    )
    write_text(folder / "frontier.md", frontier_markdown(told))
    write_text(folder / "frontier.html", frontier_html(told))
    return folder / "frontier.html"


def remarks(frontier: Frontier) -> list[str]:
    """Return what the figures say, in plain words."""
    lines: list[str] = []
    for name in dict.fromkeys(point.mode for point in frontier.reading):
        points = [point for point in frontier.reading if point.mode == name]
        held = [point for point in points if point.precision.low >= 90]
        best = max(points, key=lambda point: point.precision.mean)
        lines.append(
            f"Reading in {name}: precision stays above 90 % up to {max(point.compression for point in held):.1f}x."
            if held
            else f"Reading in {name}: precision is nowhere surely above 90 %; the best is {figure(best.precision)} %"
            f" at {best.compression:.1f}x."
        )
    if frontier.legible_to:
        limits = ", ".join(f"{limit:.1f}x in {name}" for name, limit in frontier.legible_to.items())
        lines.append(
            f"Full pages in the smallest letters that can be read hold {limits}; denser ones are below the floor."
        )
    against = [point for point in frontier.summaries if point.text_quality is not None]
    if against:
        better = [point for point in against if point.text_quality and point.quality.low > point.text_quality.high]
        worse = [point for point in against if point.text_quality and point.quality.high < point.text_quality.low]
        lines.append(
            f"Against plain text cut to as many tokens, pages give better summaries at {len(better)} of {len(against)} points,"
            f" worse ones at {len(worse)}; at the others the intervals overlap."
        )
        lines.append(UNTRAINED_ON_TEXT)
    if any(point.cut for point in frontier.summaries):
        lines.append("Documents that do not fit even in letters of 5 px lose their end; the table counts them.")
    return lines


# Tables ---------------------------------------------------------------------------------------------------------------

Rows = list[list[str]]


def reading_table(points: Sequence[ReadingPoint]) -> tuple[list[str], Rows]:
    """Return heads and rows of what was read."""
    heads = [
        "Mode", "Text tokens", "Visual tokens", "Compression", "Precision %", "Shuffled words, precision %", "CER %", "px",
        "Legible", "Pages", "Seconds a page", "Memory MiB",
    ]  # fmt: skip
    rows = [
        [
            point.mode, f"{point.text_tokens:.0f}", f"{point.nominal_tokens} ({point.visual_tokens} in the prompt)",
            f"{point.compression:.1f}x", figure(point.precision), _optional(point.shuffled_precision), figure(point.cer),
            f"{point.px:.1f}", f"{100 * point.legible:.0f} %", str(point.pages), f"{point.cost.seconds:.2f}",
            _number(point.cost.memory_mib),
        ]
        for point in points
    ]  # fmt: skip
    return heads, rows


def fox_table(points: Sequence[ReadingPoint]) -> tuple[list[str], Rows]:
    """Return the paper's table, precision (compression) by gold text tokens, with a column for each of our modes."""
    bins, _ = fox_curve()
    names = list(dict.fromkeys(point.mode for point in points))
    ours = {name: _bins([point for point in points if point.mode == name]) for name in names}
    rows = [
        [
            f"{found.low}-{found.high}",
            "" if found.pages is None else str(found.pages),
            *(f"{found.precision[tokens]:.1f} ({found.compression[tokens]:.1f}x)" for tokens in (64, 100)),
            *(ours[name].get(found.low, "not drawn") for name in names),
        ]
        for found in bins
    ]
    return ["Gold tokens", "Paper's pages", "Paper, 64", "Paper, 100", *(f"Here, {name}" for name in names)], rows


def _bins(points: Sequence[ReadingPoint]) -> dict[int, str]:
    precisions = [value for point in points for value in point.page_precision]
    tokens = [value for point in points for value in point.page_tokens]
    visual = [point.nominal_tokens for point in points for _ in point.page_tokens]
    return {
        found.low: f"{figure(found.precision)} ({found.compression:.1f}x, {found.pages} pages)"
        for found in precision_by_tokens(np.array(precisions), tokens, visual, FOX_EDGES)
    }


def summary_table(points: Sequence[SummaryPoint]) -> tuple[list[str], Rows]:
    """Return heads and rows of what was summarized."""
    heads = [
        "Mode", "Asked", "Compression", "Visual tokens in the prompt", "ROUGE-L", "Plain text, as many tokens", "px", "Legible",
        "Cut", "Seconds a document", "Text, seconds", "Memory MiB", "Cache MiB",
    ]  # fmt: skip
    rows = [
        [
            point.mode, point.target, f"{point.compression:.1f}x", f"{point.visual_tokens:.0f}", figure(point.quality),
            _optional(point.text_quality), f"{point.px:.1f}", f"{100 * point.legible:.0f} %", str(point.cut),
            f"{point.cost.seconds:.2f}", _number(None if point.text_cost is None else point.text_cost.seconds, 2),
            _number(point.cost.memory_mib), f"{point.cost.cache_mib:.2f}",
        ]
        for point in points
    ]  # fmt: skip
    return heads, rows


def reference_table(frontier: Frontier) -> tuple[list[str], Rows]:
    """Return the systems that do not depend on compression."""
    rows = [[name, figure(score)] for name, score in frontier.baselines.items()]
    if frontier.text_in_full is not None:
        rows.append(["same decoder, plain text in full", figure(frontier.text_in_full)])
    return ["System", "ROUGE-L"], rows


def _optional(score: Score | None) -> str:
    return "not measured" if score is None else figure(score)


def _number(value: float | None, digits: int = 0) -> str:
    return "not measured" if value is None else f"{value:.{digits}f}"


def titled_tables(frontier: Frontier) -> list[tuple[str, str, list[str], Rows]]:
    """Return the tables of the report: title, remark, heads and rows; those without rows are left out."""
    _, source = fox_curve()
    parts = [
        (
            "Reading",
            "Each page is one image; letters are as large as its text allows.",
            *reading_table(frontier.reading),
        ),
        (
            "In the paper's format",
            f"Precision in percent (compression). {source}. The paper read photographed pages of Fox; ours are drawn.",
            *(fox_table(frontier.reading) if frontier.reading else ([], [])),
        ),
        (
            "Summaries",
            "Whole documents on as few pages as the compression allows, beside the same decoder on the beginning of the text.",
            *summary_table(frontier.summaries),
        ),
        (
            "Without compression",
            "The same documents.",
            *(reference_table(frontier) if frontier.summaries else ([], [])),
        ),
    ]
    return [part for part in parts if part[3]]


def frontier_markdown(told: FrontierReport) -> str:
    """Return the report as Markdown."""
    parts = [f"# {told.title}", "\n".join(f"- {line}" for line in remarks(told.frontier))]
    for title, remark, heads, rows in titled_tables(told.frontier):
        parts += [f"**{title}.** {remark}", markdown_table(heads, rows)]
    parts.append("\n".join(f"- {name}: {value}" for name, value in told.facts.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


# Plots ----------------------------------------------------------------------------------------------------------------


def frontier_html(told: FrontierReport) -> str:
    """Return the report as one self-contained page."""
    return render_page(
        "frontier.html",
        told=told,
        remarks=remarks(told.frontier),
        tables=titled_tables(told.frontier),
        plots=[(title, remark, chart) for title, remark, chart in plots(told.frontier) if chart],
    )


def plots(frontier: Frontier) -> list[tuple[str, str, Markup]]:
    """Return the plots: title, remark and picture; empty pictures for what was not measured."""
    reading, summaries = frontier.reading, frontier.summaries
    x = "text tokens a visual token"
    ring = "Rings: over half of the pages are below the legibility floor of their script."
    return [
        (
            "Reading against compression",
            f"{ring} Dotted upright lines: full pages in letters just at that floor, by mode. Dashed: the paper's curve on Fox,"
            " and our pages with their words shuffled.",
            line_chart(_reading_series(reading), x_label=x, y_label="precision, %", marks=_limits(frontier))
            if reading
            else Markup(),
        ),
        (
            "Summaries against compression",
            f"{ring} Dashed: the same decoder on plain text cut to as many tokens; level lines have no compression.",
            line_chart(_quality_series(frontier), x_label=x, y_label="ROUGE-L") if summaries else Markup(),
        ),
        (
            "Tokens against compression",
            "Visual tokens of a document in the prompt, row ends and separators included.",
            _costs(summaries, lambda point: point.visual_tokens, "visual tokens"),
        ),
        (
            "Latency against compression",
            "Seconds a document, written in batches.",
            _costs(summaries, lambda point: point.cost.seconds, "seconds"),
        ),
        (
            "Memory against compression",
            "Keys and values of one document in the decoder's cache, computed; the measured peak stands in the table.",
            _costs(summaries, lambda point: point.cost.cache_mib, "MiB of cache"),
        ),
    ]


def _modes(points: Sequence[ReadingPoint] | Sequence[SummaryPoint]) -> list[tuple[int, str]]:
    """Return each mode with the number of its color."""
    return list(enumerate(dict.fromkeys(point.mode for point in points)))


def _reading_series(points: Sequence[ReadingPoint]) -> list[Series]:
    found: list[Series] = []
    for color, name in _modes(points):
        own = [point for point in points if point.mode == name]
        read = [_point(point.compression, point.precision, point.legible, point.px) for point in own]
        found.append(Series(name=name, points=read, color=color))
        mixed = [(point, point.shuffled_precision) for point in own if point.shuffled_precision is not None]
        if mixed:
            shuffled = [_point(point.compression, score, point.legible, point.px) for point, score in mixed]
            found.append(Series(name=f"{name}, shuffled words", points=shuffled, dashed=True, color=color))
    bins, _ = fox_curve()
    for color, tokens in ((6, 64), (7, 100)):
        curve = [
            Point(x=item.compression[tokens], y=item.precision[tokens], note=f"{item.low}-{item.high}") for item in bins
        ]
        found.append(Series(name=f"the paper on Fox, {tokens} visual tokens", points=curve, dashed=True, color=color))
    return found


def _limits(frontier: Frontier) -> list[Mark]:
    """Return a mark for each mode that was read, where its letters reach the floor of legibility."""
    return [
        Mark(x=frontier.legible_to[name], name=f"{name}, letters at the floor of legibility", color=color)
        for color, name in _modes(frontier.reading)
        if name in frontier.legible_to
    ]


def _quality_series(frontier: Frontier) -> list[Series]:
    found: list[Series] = []
    points = frontier.summaries
    for color, name in _modes(points):
        own = [point for point in points if point.mode == name]
        written = [_point(point.compression, point.quality, point.legible, point.px) for point in own]
        found.append(Series(name=name, points=written, color=color))
        texts = [(point, point.text_quality) for point in own if point.text_quality is not None]
        if texts:
            cut = [_point(point.compression, score, 1.0, None) for point, score in texts]
            found.append(Series(name=f"{name}, plain text instead", points=cut, dashed=True, color=color))
    ends = [min(point.compression for point in points), max(point.compression for point in points)]
    levels = dict(frontier.baselines)
    if frontier.text_in_full is not None:
        levels["same decoder, plain text in full"] = frontier.text_in_full
    for color, (name, score) in enumerate(levels.items(), 4):
        found.append(Series(name=name, points=[Point(x=end, y=score.mean) for end in ends], color=color))
    return found


def _costs(points: Sequence[SummaryPoint], value: Callable[[SummaryPoint], float], label: str) -> Markup:
    series = [
        Series(name=name, points=[Point(x=p.compression, y=value(p)) for p in points if p.mode == name], color=color)
        for color, name in _modes(points)
    ]
    return line_chart(series, x_label="text tokens a visual token", y_label=label) if points else Markup()


def _point(x: float, score: Score, legible: float, px: float | None) -> Point:
    note = "" if px is None else f"{px:.1f} px"
    return Point(x=x, y=score.mean, low=score.low, high=score.high, hollow=legible < 0.5, note=note)
