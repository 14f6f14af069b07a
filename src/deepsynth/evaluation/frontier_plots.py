"""The plots of a frontier: reading, quality and costs, each against the compression; the paper's own curve beside ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from deepsynth.core.documents import Score
from deepsynth.evaluation.charts import Mark, Point, Series, line_chart
from deepsynth.evaluation.frontier_points import Frontier, ReadingPoint, SummaryPoint
from deepsynth.evaluation.published import fox_curve
from deepsynth.evaluation.systems import TEXT_IN_FULL


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
        levels[TEXT_IN_FULL] = frontier.text_in_full
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
