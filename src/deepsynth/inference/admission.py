"""Which waiting prompts may be written next, and which of them are read together.

Rows that are written side by side are all padded to the longest. So a free place goes to the prompt that has waited longest,
and the places beside it to those of like length; newcomers are read in groups of like length and mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepsynth.core.processor import EncodedExample
from deepsynth.inference.engine import Prompt
from deepsynth.inference.stopping import TextStream
from deepsynth.models.generation import RowWriter

LIKE_LENGTH = 1.25
"""Prompts whose lengths differ by less than this factor are read together."""


@dataclass(kw_only=True, slots=True, eq=False)
class Row:
    """A prompt on its way."""

    identity: int
    prompt: Prompt
    encoded: EncodedExample
    writer: RowWriter
    stream: TextStream
    began: float = 0.0

    @property
    def tokens(self) -> int:
        """Length that the row may reach."""
        return len(self.encoded.input_ids) + self.prompt.writing.max_new_tokens

    @property
    def beams(self) -> int:
        """Beams of its search; rows with more than one are written from beginning to end, apart from all others."""
        return self.prompt.writing.num_beams

    def goes_with(self, other: Row) -> bool:
        """Tell whether two rows may be written side by side: under one adapter, and searched alike if they are searched."""
        mine, theirs = self.prompt, other.prompt
        if mine.adapter != theirs.adapter or (self.beams > 1) != (other.beams > 1):
            return False
        return self.beams == 1 or (mine.writing == theirs.writing and mine.mode == theirs.mode)


def admit(waiting: Sequence[Row], running: Sequence[Row], *, max_rows: int, max_tokens: int) -> list[Row]:
    """Return the rows that may enter: the one that has waited longest, if it may, and beside it those nearest in length.

    `max_rows` rows are written at once, and as many tokens as `max_tokens` (rows times the length of the longest); a single
    row may be longer.
    """
    if not waiting or len(running) >= max_rows:
        return []
    first = waiting[0]
    if running and (first.beams > 1 or not first.goes_with(running[0])):
        return []  # it has to wait until all rows are done, and nobody may overtake it
    candidates = sorted(
        (row for row in waiting if row.goes_with(first)),
        key=lambda row: (row is not first, abs(row.tokens - first.tokens)),
    )
    longest = max((row.tokens for row in running), default=0)
    admitted: list[Row] = []
    for row in candidates:
        longest = max(longest, row.tokens)
        rows = len(running) + len(admitted) + 1
        if rows > max_rows or (rows > 1 and rows * first.beams * longest > max_tokens):
            break
        admitted.append(row)
    return admitted


def alike(rows: list[Row]) -> list[list[Row]]:
    """Return rows in groups of one mode and like length; each is read at once."""
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: (row.prompt.mode, len(row.encoded.input_ids))):
        head = groups[-1][0] if groups else None
        if (
            head is not None
            and head.prompt.mode == row.prompt.mode
            and len(row.encoded.input_ids) <= LIKE_LENGTH * len(head.encoded.input_ids)
        ):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups
