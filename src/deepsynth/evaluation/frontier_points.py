"""What a frontier is made of: one value for each thing that was measured at a compression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from deepsynth.core.documents import Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a point took; measured when it was made, and kept for a run that goes on later."""

    seconds: float
    """A document, in batches."""
    memory_mib: float | None
    """Peak while writing; none where it cannot be measured."""
    cache_mib: float
    """Keys and values of a document's prompt and answer, computed from the decoder's sizes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingPoint:
    """Pages of about `text_tokens` text tokens, each on one image."""

    mode: str
    text_tokens: float
    nominal_tokens: int
    visual_tokens: int
    px: float
    legible: float
    """Share of the pages whose letters are not below the floor."""
    pages: int
    precision: Score
    cer: Score
    shuffled_precision: Score | None
    """Of the same pages with their words shuffled: without the help of language."""
    page_tokens: tuple[int, ...]
    """Text tokens of each page."""
    page_precision: tuple[float, ...]
    cost: Cost

    @property
    def compression(self) -> float:
        """Text tokens per nominal visual token."""
        return self.text_tokens / self.nominal_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryPoint:
    """The same documents, drawn at one target of compression."""

    mode: str
    target: str
    """`8x` for a compression, `64 tokens` for a budget."""
    compression: float
    """Text tokens per nominal visual token, over all documents."""
    visual_tokens: float
    pages: float
    px: float
    legible: float
    cut: int
    """Documents that did not fit even at the smallest size, and lost their end."""
    quality: Score
    text_quality: Score | None
    """The same decoder given the beginning of the text, as many tokens as the pages take."""
    cost: Cost
    text_cost: Cost | None

    def drawn(self) -> tuple[float | str, ...]:
        """Return what tells one way of drawing the documents from another."""
        return self.mode, self.compression, self.visual_tokens, self.pages, self.px, self.legible, self.cut


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontier:
    """Everything that was measured."""

    reading: tuple[ReadingPoint, ...]
    summaries: tuple[SummaryPoint, ...]
    text_in_full: Score | None
    """The same decoder on the whole text."""
    text_tokens: float
    """Mean length of the documents in tokens."""
    baselines: Mapping[str, Score]
    legible_to: Mapping[str, float]
    """Mode -> compression of full pages whose letters are just large enough for their script; denser ones are not."""

    def to_values(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def merge_alike(points: Iterable[SummaryPoint]) -> tuple[SummaryPoint, ...]:
    """Return the points, neighbors that look the same put together under both their targets.

    Short documents take one page at several compressions; to show that as several measurements would mislead.
    """
    found: list[SummaryPoint] = []
    for point in points:
        if found and found[-1].drawn() == point.drawn():
            found[-1] = replace(found[-1], target=f"{found[-1].target}, {point.target}")
        else:
            found.append(point)
    return tuple(found)
