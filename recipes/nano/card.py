"""The card of the bundled model, from its figures and `card.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsynth.evaluation.baselines import LEAD

TEMPLATE = Path(__file__).with_suffix(".md")


def card(figures: Mapping[str, Any]) -> str:
    """Return README.md."""
    use, seconds = figures["page_use_nats"], figures["seconds_per_page"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        **figures["facts"],
        verdict=_verdict(figures["summaries"]),
        reading=_table("longest text, characters (random letters: half as many)", figures["wrong_characters_percent"]),
        lines=_table("lines of a page", figures["wrong_characters_by_lines"]),
        blind=_figure(figures["blind"]),
        summaries=_table("language", figures["summaries"]),
        right=_figure(use["right page"]),
        another=_figure(use["another page"]),
        one=seconds["1 at once"],
        sixteen=seconds["16 at once"],
        fingerprint=figures["data"],
        weights=figures["weights"],
    )


def _table(corner: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    heads = [corner, *next(iter(rows.values()))]
    lines = [heads, ["---"] * len(heads), *([name, *map(_figure, row.values())] for name, row in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(value: Sequence[float] | float) -> str:
    if isinstance(value, int | float):
        return f"{value:g}"
    mean, low, high = value
    return f"{mean:g} [{low:g}, {high:g}]"


def _verdict(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Compare with the first sentence, in words; intervals that overlap decide nothing."""
    kinds: dict[str, list[str]] = {"better than": [], "worse than": [], "not told apart from": []}
    for language, row in summaries.items():
        (_, low, high), (_, lead_low, lead_high) = row["model"], row[LEAD]
        word = "better than" if low > lead_high else "worse than" if high < lead_low else "not told apart from"
        kinds[word].append(language)
    return "; ".join(f"{word} the first sentence in {', '.join(found)}" for word, found in kinds.items() if found)
