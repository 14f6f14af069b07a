"""The tables of a frontier: what was read, the same in the paper's bins, what was summarized, what has no compression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepsynth.core.documents import Score
from deepsynth.evaluation.frontier_points import Frontier, ReadingPoint, SummaryPoint
from deepsynth.evaluation.precision import FOX_EDGES, precision_by_tokens
from deepsynth.evaluation.published import fox_curve
from deepsynth.evaluation.report_words import figure
from deepsynth.evaluation.systems import TEXT_IN_FULL

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
        rows.append([TEXT_IN_FULL, figure(frontier.text_in_full)])
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
