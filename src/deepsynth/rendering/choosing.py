"""Chooses how a document is drawn: mode, letters, margin, columns and pages for a wanted compression or a budget of tokens.

Layout alone decides, nothing is drawn. Words are shaped once; each trial of a size only breaks lines anew. The largest letters
that fill the wanted pages are found by bisection on a grid of a quarter pixel, so a page is as legible as its budget allows.
Where that is too small to read, the settings say what happens: refuse, a larger mode, more pages, or draw it all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from deepsynth.core.errors import InputError
from deepsynth.core.geometry import MODES, mode
from deepsynth.rendering.config import PlanConfig, RenderConfig
from deepsynth.rendering.costing import Plan, estimate_tokens, legibility_floor, plan
from deepsynth.rendering.text import MakeBlocks, TextRenderer, page_size, shared_layout

STEP = 0.25
"""Sizes that are tried are multiples of this many pixels."""
TOLERANCE = 0.02
"""A target may be passed by this share: a page more for a handful of tokens would halve the compression of a short text."""
SMALLEST = 5.0
"""Pixels; nothing smaller is drawn, whatever the settings say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """How a document is to be drawn, and why."""

    rendering: RenderConfig
    plan: Plan
    reason: str
    """One sentence: what was chosen, and what was given up for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """What the planner knows about a document."""

    text: str
    """Normalized."""
    language: str
    tokens: int
    blocks: MakeBlocks | None


def choose(
    text: str,
    rendering: RenderConfig,
    wanted: PlanConfig,
    count_tokens: Callable[[str], int] = estimate_tokens,
    *,
    language: str = "und",
    make_blocks: MakeBlocks | None = None,
) -> Choice:
    """Return how to draw normalized `text` so that it meets `wanted`; the rest is as `rendering` says.

    Of the modes that can be read, the one with the fewest visual tokens is taken, and of equals the one with larger letters.

    Raises:
        InputError: no mode meets the wish with letters that can be read, and the settings say `refuse` (or nothing helps).
    """
    document = Text(text=text, language=language, tokens=count_tokens(text), blocks=make_blocks)
    names = wanted.modes or (rendering.mode,)
    floor = legibility_floor(text, rendering)
    found = [
        choice for name in names if (choice := _in_mode(document, rendering.override({"mode": name}), wanted, floor))
    ]
    readable = [choice for choice in found if choice.plan.legible]
    if not readable and wanted.too_small == "next_mode":
        readable = [choice for choice in _larger(document, rendering, wanted, floor, names) if choice.plan.legible][:1]
    if readable:
        return min(readable, key=lambda choice: (choice.plan.visual_tokens, -choice.plan.px))
    return _without_a_readable_one(document, rendering, wanted, floor, found)


def _larger(
    document: Text, rendering: RenderConfig, wanted: PlanConfig, floor: float, tried: tuple[str, ...]
) -> list[Choice]:
    """Return what the other modes of the same version can do, the smallest first."""
    here = mode(tried[0])
    others = [
        other
        for other in MODES.values()
        if (other.layout, other.token_px) == (here.layout, here.token_px)
        and other.size >= here.size
        and other.name not in tried
    ]
    found = [_in_mode(document, rendering.override({"mode": other.name}), wanted, floor) for other in others]
    return sorted((choice for choice in found if choice), key=lambda choice: choice.plan.visual_tokens)


def _without_a_readable_one(
    document: Text, rendering: RenderConfig, wanted: PlanConfig, floor: float, found: list[Choice]
) -> Choice:
    best = max(found, key=lambda choice: choice.plan.px, default=None)
    if wanted.too_small == "draw" and best is not None:
        return best
    if wanted.too_small == "add_pages":
        names = wanted.modes or (rendering.mode,)
        settings = [
            rendering.override({"mode": name, "margin": m}) for name in names for m in margins(rendering, wanted)
        ]
        choices = [_at(document, item, wanted, floor, "more pages than wanted") for item in settings]
        return min(choices, key=lambda choice: (choice.plan.visual_tokens, -choice.rendering.margin))
    size = f"letters of {best.plan.px:g} px at most" if best else "no letters at all"
    raise InputError(
        f"{document.tokens} text tokens do not fit: {_wish(wanted)} leaves {size}, and this script needs {floor:g} px;"
        " allow more tokens, or set too_small to 'add_pages', 'next_mode' or 'draw'",
        field="planning.too_small",
    )


def margins(rendering: RenderConfig, wanted: PlanConfig) -> list[int]:
    """Return the margins that are tried, the widest first: that of the settings, and its halves down to the smallest."""
    found = [rendering.margin]
    while found[-1] > wanted.smallest_margin:
        found.append(max(wanted.smallest_margin, found[-1] // 2))
    return found


def _in_mode(document: Text, rendering: RenderConfig, wanted: PlanConfig, floor: float) -> Choice | None:
    """Return the choice of one mode with the widest margin at which letters can be read, or else with the largest letters.

    None where not even the smallest letters keep the wish.
    """
    best: Choice | None = None
    for margin in margins(rendering, wanted):
        choice = _with_margin(document, rendering.override({"margin": margin}), wanted, floor)
        if choice is not None and (best is None or choice.plan.px > best.plan.px):
            best = choice
        if best is not None and best.plan.legible:
            break
    return best


def _with_margin(document: Text, rendering: RenderConfig, wanted: PlanConfig, floor: float) -> Choice | None:
    """Return the choice with the largest letters that keep the wish; none where not even the smallest do."""
    pages = wanted_pages(document.tokens, rendering, wanted)
    low, high = math.ceil(SMALLEST / STEP), math.floor(wanted.largest_px / STEP)
    if pages < 1 or not _fits(document, rendering, wanted, low, pages):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(document, rendering, wanted, middle, pages) else (low, middle - 1)
    return _at(document, rendering, wanted, low * STEP, "" if low * STEP >= floor else "too small to be read")


def wanted_pages(text_tokens: int, rendering: RenderConfig, wanted: PlanConfig) -> int:
    """Return the pages that the wish allows: by the budget as the prompt counts it, or by the published ratio."""
    page_mode = mode(rendering.mode)
    grid = page_mode.grid(*page_size(page_mode))
    if wanted.visual_tokens is not None:
        return wanted.visual_tokens // page_mode.tokens(grid)
    if wanted.target_ratio is not None:
        full = wanted.target_ratio * page_mode.nominal_tokens(grid) * (1 + TOLERANCE)
        return math.ceil(text_tokens / full)
    raise InputError("say what the plan is for: target_ratio or visual_tokens", field="planning")


def _sized(document: Text, rendering: RenderConfig, wanted: PlanConfig, px: float) -> RenderConfig:
    """Return the settings at a size: as many columns as keep lines short enough to follow."""
    width = page_size(mode(rendering.mode))[0] - 2 * rendering.margin
    sample = document.text[:2000]
    em = shared_layout(rendering.font, document.language).mean_advance(sample)
    columns = math.ceil(width / (wanted.longest_line * em * px))
    return rendering.override({"px": px, "columns": max(1, min(4, columns))})


def _fits(document: Text, rendering: RenderConfig, wanted: PlanConfig, steps: int, pages: int) -> bool:
    try:
        renderer = TextRenderer(_sized(document, rendering, wanted, steps * STEP), document.blocks)
        laid_out = renderer.layout_pages(document.text, document.language)
        return all(number < pages for number, _ in enumerate(laid_out))
    except InputError:  # the page has no room for letters of this size
        return False


def _at(document: Text, rendering: RenderConfig, wanted: PlanConfig, px: float, remark: str) -> Choice:
    settings = _sized(document, rendering, wanted, px)
    found = plan(document.text, settings, lambda _: document.tokens, document.blocks, language=document.language)
    reason = (
        f"{_wish(wanted)}: mode {found.mode}, {found.pages} pages, letters of {px:g} px (x-height {found.x_height:.1f}),"
        f" margin {settings.margin} px, {settings.columns} columns,"
        f" {found.visual_tokens} visual tokens, {found.nominal_compression:.1f} text tokens each"
    )
    return Choice(rendering=settings, plan=found, reason=f"{reason}; {remark}" if remark else reason)


def _wish(wanted: PlanConfig) -> str:
    if wanted.visual_tokens is not None:
        return f"a budget of {wanted.visual_tokens} visual tokens"
    return f"a target of {wanted.target_ratio:g} text tokens per visual token"
