"""Metrics of a run, read from metrics.jsonl by offset: first the whole history thinned, then only what is new.

A resumed run drops the lines behind its checkpoint. A cursor therefore holds, beside the offset in the file, a checksum of the
bytes before it: when those have changed, the reader is told to begin anew.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deepsynth.jobs.folder import json_lines

Point = tuple[float, float | None]
_PROOF_BYTES = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """Series by name, each of (step, value)."""

    series: dict[str, list[Point]]
    cursor: str
    reset: bool
    """Whether earlier points no longer hold."""
    total: int
    """Lines that were read for this answer."""


def read_curves(path: Path, cursor: str = "", *, max_points: int = 2000, names: Collection[str] = ()) -> Curves:
    """Return the metrics behind `cursor`.

    Args:
        path: a metrics.jsonl, which may not exist yet.
        cursor: what the last answer said; empty for the whole history, thinned.
        max_points: how many points of a series to return at most when the whole history is asked for.
        names: the series wanted; none means all.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return Curves(series={}, cursor="", reset=bool(cursor), total=0)
    with file:
        start = _proven(file, cursor)
        file.seek(start)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        end = start + len(whole)
        file.seek(max(0, end - _PROOF_BYTES))
        proof = zlib.crc32(file.read(min(end, _PROOF_BYTES)))
    lines = [values for values in json_lines(whole) if "step" in values]
    series = _columns(lines, names)
    if not start:
        series = {name: thin(points, max_points) for name, points in series.items()}
    return Curves(series=series, cursor=f"{end}-{proof:08x}", reset=bool(cursor) and not start, total=len(lines))


def _proven(file: BinaryIO, cursor: str) -> int:
    """Return the place that a cursor names if the file before it is still the same, else 0."""
    place, _, proof = cursor.partition("-")
    if not place.isdigit() or len(place) > 18 or not proof:
        return 0
    end = int(place)
    file.seek(max(0, end - _PROOF_BYTES))
    before = file.read(min(end, _PROOF_BYTES))
    return end if len(before) == min(end, _PROOF_BYTES) and f"{zlib.crc32(before):08x}" == proof else 0


def _columns(lines: Sequence[dict[str, Any]], names: Collection[str]) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    for values in lines:
        for name, value in values.items():
            wanted = name != "step" and (not names or name in names)
            if wanted and (value is None or isinstance(value, int | float)):
                series.setdefault(name, []).append((values["step"], value))
    return series


def thin(points: list[Point], limit: int) -> list[Point]:
    """Return at most `limit` points that keep first, last, and the lowest and highest of each stretch."""
    if len(points) <= limit:
        return points
    stretches = max(1, (limit - 2) // 2)
    inner = points[1:-1]
    kept: list[Point] = [points[0]]
    for number in range(stretches):
        part = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        numbers = [point for point in part if point[1] is not None]
        if not numbers:
            kept += part[:1]
            continue
        ends = {min(numbers, key=_value), max(numbers, key=_value)}
        kept += sorted(ends)
    return [*kept, points[-1]]


def _value(point: Point) -> float:
    assert point[1] is not None
    return point[1]
