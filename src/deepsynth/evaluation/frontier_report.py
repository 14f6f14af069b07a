"""The frontier as a page with plots, as Markdown and as JSON, and what its figures say in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from deepsynth.core.files import write_json, write_text
from deepsynth.evaluation.frontier_plots import plots
from deepsynth.evaluation.frontier_points import Frontier
from deepsynth.evaluation.frontier_tables import titled_tables
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
    lines = [_reading_remark(frontier, name) for name in dict.fromkeys(point.mode for point in frontier.reading)]
    if frontier.legible_to:
        limits = ", ".join(f"{limit:.1f}x in {name}" for name, limit in frontier.legible_to.items())
        lines.append(
            f"Full pages in the smallest letters that can be read hold {limits}; denser ones are below the floor."
        )
    against = [(point.quality, point.text_quality) for point in frontier.summaries if point.text_quality is not None]
    if against:
        better = sum(pages.low > text.high for pages, text in against)
        worse = sum(pages.high < text.low for pages, text in against)
        lines.append(
            f"Against plain text cut to as many tokens, pages give better summaries at {better} of {len(against)} points,"
            f" worse ones at {worse}; at the others the intervals overlap."
        )
        lines.append(UNTRAINED_ON_TEXT)
    if any(point.cut for point in frontier.summaries):
        lines.append("Documents that do not fit even in letters of 5 px lose their end; the table counts them.")
    return lines


def _reading_remark(frontier: Frontier, mode_name: str) -> str:
    """Say up to which compression the precision of one mode stays above 90 %, without a gap from the lowest on."""
    points = sorted(
        (point for point in frontier.reading if point.mode == mode_name), key=lambda point: point.compression
    )
    held = list(takewhile(lambda point: point.precision.low >= 90, points))
    if held:
        return f"Reading in {mode_name}: precision stays above 90 % up to {held[-1].compression:.1f}x."
    sure = ", ".join(f"{point.compression:.1f}x" for point in points if point.precision.low >= 90)
    if sure:
        lowest = points[0].compression
        return f"Reading in {mode_name}: precision is surely above 90 % at {sure}, but not at {lowest:.1f}x."
    best = max(points, key=lambda point: point.precision.mean)
    return (
        f"Reading in {mode_name}: precision is nowhere surely above 90 %; the best is {figure(best.precision)} %"
        f" at {best.compression:.1f}x."
    )


def frontier_markdown(told: FrontierReport) -> str:
    """Return the report as Markdown."""
    parts = [f"# {told.title}", "\n".join(f"- {line}" for line in remarks(told.frontier))]
    for title, remark, heads, rows in titled_tables(told.frontier):
        parts += [f"**{title}.** {remark}", markdown_table(heads, rows)]
    parts.append("\n".join(f"- {name}: {value}" for name, value in told.facts.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def frontier_html(told: FrontierReport) -> str:
    """Return the report as one self-contained page."""
    return render_page(
        "frontier.html",
        told=told,
        remarks=remarks(told.frontier),
        tables=titled_tables(told.frontier),
        plots=[(title, remark, chart) for title, remark, chart in plots(told.frontier) if chart],
    )
