"""Points of a frontier that was never measured: for the tests of its tables, plots and report."""

from deepsynth.core.documents import Score
from deepsynth.evaluation.frontier_points import Cost, Frontier, ReadingPoint, SummaryPoint


def score(mean: float, width: float = 1.0) -> Score:
    return Score(mean=mean, low=mean - width, high=mean + width, n=4)


COST = Cost(seconds=0.5, memory_mib=None, cache_mib=2.0)


def reading(tokens: int, precision: float, **changed) -> ReadingPoint:
    values = {
        "mode": "tiny", "text_tokens": float(tokens), "nominal_tokens": 64, "visual_tokens": 73, "px": 10.0, "legible": 1.0,
        "pages": 2, "precision": score(precision), "cer": score(5), "shuffled_precision": score(precision - 20),
        "page_tokens": (tokens, tokens + 10), "page_precision": (precision - 1, precision + 1), "cost": COST,
    }  # fmt: skip
    return ReadingPoint(**{**values, **changed})


def summary(compression: float, quality: float, text: float | None, **changed) -> SummaryPoint:
    values = {
        "mode": "tiny", "target": f"{compression:g}x", "compression": compression, "visual_tokens": 73.0, "pages": 1.0,
        "px": 10.0, "legible": 1.0, "cut": 0, "quality": score(quality), "text_quality": None if text is None else score(text),
        "cost": COST, "text_cost": None if text is None else COST,
    }  # fmt: skip
    return SummaryPoint(**{**values, **changed})


def frontier() -> Frontier:
    return Frontier(
        reading=(reading(650, 97), reading(1250, 60, legible=0.2)),
        summaries=(summary(2, 30, 20), summary(8, 20, 30), summary(12, 25, 25.5, cut=3)),
        text_in_full=score(33),
        text_tokens=900.0,
        baselines={"lead <1>": score(28)},
        legible_to={"tiny": 11.6},
    )


def frontier_of_reading(*points: ReadingPoint) -> Frontier:
    return Frontier(reading=points, summaries=(), text_in_full=None, text_tokens=0, baselines={}, legible_to={})
