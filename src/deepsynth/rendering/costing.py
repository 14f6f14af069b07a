"""What a text costs as pages, for every mode: pages, visual tokens, compression, and whether the letters can be read.

Layout alone decides, nothing is drawn. Floors of legibility are sizes at which published measurements of the encoder and our
own of small text still read almost everything; below them a page is drawn only when the settings insist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepsynth.core.errors import InputError
from deepsynth.core.geometry import MODES, mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.fonts import PRIMARY, font_stack, open_face
from deepsynth.rendering.text import MakeBlocks, TextRenderer, page_size

CHARACTERS_PER_TOKEN = 4.8
"""English prose in DeepSeek's vocabulary; used where no tokenizer is at hand, and named as an estimate."""

OTHER_SCRIPTS = (
    (0x0590, 0x08FF, 2.8),
    (0x0900, 0x0D7F, 1.9),
    (0x0D80, 0x0DFF, 1.1),
    (0x0E00, 0x0EFF, 2.8),
    (0x1000, 0x109F, 1.1),
    (0x1200, 0x139F, 0.44),
    (0x3040, 0x30FF, 1.75),
    (0x3400, 0x9FFF, 1.95),
    (0xAC00, 0xD7AF, 1.75),
)
"""First and last code point, and characters a token there: Hebrew and Arabic, Indic, Sinhala, Thai and Lao, Burmese, Ethiopic,
kana, Chinese, Korean (taken as kana: not measured)."""

FLOORS: Sequence[tuple[float, tuple[str, ...]]] = (
    (
        12.0,
        ("CJK", "Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Tamil", "Telugu"),
    ),
    (12.0, ("Myanmar", "Sinhala", "Khmer", "Lao")),
    (10.0, ("Arabic", "Hebrew", "Ethiopic", "Thai")),
    (9.0, ("",)),
)
"""Smallest legible size in pixels by script; the last is for Latin, Greek, Cyrillic and everything else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A text in one mode."""

    mode: str
    pages: int
    visual_tokens: int
    """As the prompt counts them, row ends and separators included."""
    nominal_tokens: int
    text_tokens: int
    px: float
    x_height: float
    """Height of a small letter in pixels."""
    floor: float

    @property
    def compression(self) -> float:
        """Text tokens per visual token of the prompt."""
        return self.text_tokens / self.visual_tokens

    @property
    def nominal_compression(self) -> float:
        """Text tokens per visual token proper, as published figures count it."""
        return self.text_tokens / self.nominal_tokens

    @property
    def legible(self) -> bool:
        """Whether the letters are as large as the script needs."""
        return self.px >= self.floor


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has (see `CHARACTERS_PER_TOKEN` and `OTHER_SCRIPTS`)."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    others = [(np.count_nonzero((codes >= low) & (codes <= high)), rate) for low, high, rate in OTHER_SCRIPTS]
    rest = len(codes) - sum(count for count, _ in others)
    return max(1, round(rest / CHARACTERS_PER_TOKEN + sum(count / rate for count, rate in others)))


def legibility_floor(text: str, config: RenderConfig) -> float:
    """Return the smallest legible size in pixels for the most demanding script of `text`."""
    stack = font_stack(config.font, "und")
    faces = {
        stack.sources[number].name
        for number in {int(stack.table[ord(character)]) for character in set(text)}
        if number < 255
    }
    found = (floor for floor, scripts in FLOORS if any(script in face for face in faces for script in scripts))
    return next(found, FLOORS[-1][0])


def plan(
    text: str,
    config: RenderConfig,
    count_tokens: Callable[[str], int] = estimate_tokens,
    make_blocks: MakeBlocks | None = None,
    *,
    language: str = "und",
) -> Plan:
    """Return what normalized `text` costs with the settings of `config`; `make_blocks` reads markup (plain without it).

    Raises:
        InputError: the letters are larger than the page.
    """
    page_mode = mode(config.mode)
    pages = sum(1 for _ in TextRenderer(config, make_blocks).layout_pages(text, language))
    grid = page_mode.grid(*page_size(page_mode))
    face = open_face(PRIMARY[config.font])
    letter = face.font.get_glyph_extents(face.font.get_nominal_glyph(ord("x")))
    return Plan(
        mode=config.mode,
        pages=pages,
        visual_tokens=pages * page_mode.tokens(grid),
        nominal_tokens=pages * page_mode.nominal_tokens(grid),
        text_tokens=count_tokens(text),
        px=config.px,
        x_height=config.px * letter.y_bearing / face.upem,
        floor=legibility_floor(text, config),
    )


def plan_all(
    text: str,
    config: RenderConfig,
    count_tokens: Callable[[str], int] = estimate_tokens,
    make_blocks: MakeBlocks | None = None,
    *,
    language: str = "und",
) -> list[Plan]:
    """Return the plan of every mode whose page holds letters of this size."""
    found: list[Plan] = []
    for name in MODES:
        try:
            found.append(plan(text, config.override({"mode": name}), count_tokens, make_blocks, language=language))
        except InputError:
            continue
    return found


def plan_table(plans: Sequence[Plan]) -> str:
    """Return plans as a table of text."""
    head = (
        f"{'mode':<11} {'pages':>5} {'visual tokens':>13} {'compression':>11} {'nominal':>8} {'px':>5} {'x-height':>8}"
    )
    return "\n".join([f"{head}  legible", *map(_table_row, plans)])


def _table_row(item: Plan) -> str:
    costs = f"{item.mode:<11} {item.pages:>5} {item.visual_tokens:>13} {item.compression:>10.1f}x"
    letters = f"{item.nominal_compression:>7.1f}x {item.px:>5.1f} {item.x_height:>8.1f}"
    return f"{costs} {letters}  {'yes' if item.legible else f'no, needs {item.floor:g} px'}"
