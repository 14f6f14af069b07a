"""Plots as SVG text, to be put into a page as they are: no script, no font, colors by class so that a page can be dark.

Every point carries its numbers as a title, and every plot a sentence for those who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 640, 318
COLORS = 8
"""Colors that the style sheet of reports has, as classes s0, s1 and so on; the last one is gray."""
_LEGEND = Markup(
    '<li><svg viewBox="0 0 28 12" aria-hidden="true"><line x1="1" y1="6" x2="27" y2="6" class="s{}{}"/></svg>{}</li>'
)
_GRID_ROW = Markup(
    '<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
    '<text x="{x}" y="{base:.1f}" text-anchor="end">{value:g}</text>'
)
_GRID_COLUMN = Markup(
    '<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{y}"/>'
    '<text x="{x:.1f}" y="{base}" text-anchor="middle">{value:g}</text>'
)
_SYSTEM = Markup(
    '<g class="{kind}"><text x="0" y="{base}">{name}</text>'
    '<line class="interval" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/><circle cx="{mean:.1f}" cy="{y}" r="4"/>'
    '<text x="{end:.1f}" y="{base}">{value:.1f}</text></g>'
)
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 30, 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A measured value."""

    x: float
    y: float
    low: float | None = None
    """Ends of the interval of y, where there is one."""
    high: float | None = None
    hollow: bool = False
    """Drawn as a ring: for values under a caveat that the caption explains."""
    note: str = ""
    """What else the point's title says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points of one kind, joined by a line in order of x unless `joined` is false."""

    name: str
    points: Sequence[Point]
    joined: bool = True
    dashed: bool = False
    color: int | None = None
    """Number of its color, so that series that belong together share one; else its place among the series."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A dotted upright line at a value of x, such as a limit."""

    x: float
    name: str
    """What its title says."""
    color: int = COLORS - 1


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers that span [low, high]; the first is at most `low`, the last at least `high`."""
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    zero: bool = True,
    summary: str = "",
    marks: Sequence[Mark] = (),
) -> Markup:
    """Return series on common axes, with their legend; empty when there is no point.

    `zero` lets the y axis begin at 0, so that heights compare; `summary` is read out instead of the picture.
    """
    points = [point for item in series for point in item.points]
    if not points:
        return Markup()
    across = [*(point.x for point in points), *(mark.x for mark in marks)]
    xs = ticks(min(across), max(across), 8)
    lows = [point.y if point.low is None else point.low for point in points]
    highs = [point.y if point.high is None else point.high for point in points]
    ys = ticks(min(0.0, *lows) if zero else min(lows), max(highs))
    frame = _Frame(xs, ys)
    parts = [frame.axes(x_label, y_label), *map(frame.mark, marks)]
    parts += [frame.series(number, item) for number, item in enumerate(series)]
    label = summary or f"{y_label} against {x_label}: {', '.join(item.name for item in series)}"
    picture = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )
    return picture + (legend(series) if len(series) > 1 else Markup())


def legend(series: Sequence[Series]) -> Markup:
    """Return names with the marks of their series."""
    items = [
        _LEGEND.format(_color(number, item), Markup(" dashed" if item.dashed else ""), item.name)
        for number, item in enumerate(series)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


def _color(number: int, item: Series) -> int:
    return (number if item.color is None else item.color) % COLORS


class _Frame:
    """Axes, and where numbers fall between them."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self._xs, self._ys = xs, ys

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - self._xs[0]) / (self._xs[-1] - self._xs[0])

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - self._ys[0]) / (self._ys[-1] - self._ys[0])

    def axes(self, x_label: str, y_label: str) -> Markup:
        """Return grid lines with their numbers, and what the axes mean."""
        parts = [
            _GRID_ROW.format(
                left=_LEFT, right=WIDTH - _RIGHT, y=self.y(value), x=_LEFT - 6, base=self.y(value) + 4, value=value
            )
            for value in self._ys
        ]
        parts += [
            Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{:g}</text>').format(
                self.x(value), HEIGHT - _BOTTOM + 16, value
            )
            for value in self._xs
        ]
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(WIDTH - _RIGHT, HEIGHT - 6, x_label)
        )
        parts.append(Markup('<text x="{}" y="{}" class="label">{}</text>').format(_LEFT - 40, 14, y_label))
        return Markup("").join(parts)

    def series(self, number: int, item: Series) -> Markup:
        """Return one series: its line, its intervals, its points."""
        found = sorted(item.points, key=lambda point: point.x) if item.joined else list(item.points)
        parts: list[Markup] = []
        if item.joined and len(found) > 1:
            path = " ".join(f"{self.x(point.x):.1f},{self.y(point.y):.1f}" for point in found)
            parts.append(Markup('<polyline points="{}"/>').format(path))
        parts += [self._point(item.name, point) for point in found]
        dashed = Markup(" dashed") if item.dashed else Markup()
        return Markup('<g class="s{}{}">{}</g>').format(_color(number, item), dashed, Markup("").join(parts))

    def mark(self, item: Mark) -> Markup:
        """Return an upright line over the whole height."""
        return Markup(
            '<g class="s{}"><line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"><title>{}: {at:.4g}</title></line></g>'
        ).format(item.color % COLORS, _TOP, HEIGHT - _BOTTOM, item.name, x=self.x(item.x), at=item.x)

    def _point(self, name: str, point: Point) -> Markup:
        x, y = self.x(point.x), self.y(point.y)
        interval = Markup()
        title = f"{name}: {point.x:.4g}, {point.y:.4g}"
        if point.low is not None and point.high is not None:
            interval = Markup('<line class="interval" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>').format(
                x, self.y(point.low), self.y(point.high)
            )
            title += f" [{point.low:.4g}, {point.high:.4g}]"
        title += f"; {point.note}" if point.note else ""
        kind = Markup(' class="hollow"') if point.hollow else Markup()
        return interval + Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5"{}><title>{}</title></circle>').format(
            x, y, kind, title
        )


def interval_chart(rows: Sequence[tuple[str, float, float, float, bool]], *, label: str) -> Markup:
    """Return one horizontal line a row: (name, mean, low, high, stressed), on a common scale from 0."""
    if not rows:
        return Markup()
    step, left, width = 26, 310, 780
    marks = ticks(min(0.0, *(row[2] for row in rows)), max(row[3] for row in rows))
    height = step * len(rows) + 34

    def place(value: float) -> float:
        return left + (width - left - 60) * (value - marks[0]) / (marks[-1] - marks[0])

    parts = [_GRID_COLUMN.format(x=place(mark), y=height - 28, base=height - 12, value=mark) for mark in marks]
    for number, (name, mean, low, high, stressed) in enumerate(rows):
        y = step * number + 18
        parts.append(
            _SYSTEM.format(
                kind=Markup("s0 stressed") if stressed else Markup("s7"), name=name, y=y, base=y + 4, low=place(low),
                high=place(high), mean=place(mean), end=place(high) + 8, value=mean,
            )
        )  # fmt: skip
    summary = f"{label}: " + ", ".join(f"{name} {mean:.1f}" for name, mean, *_ in rows)
    return Markup('<svg class="chart wide" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, summary, Markup("").join(parts)
    )
