"""Levels from embeddings, overrides and isolates, and the sequences that they leave (rules X1-X10 of UAX #9)."""

from __future__ import annotations

from collections.abc import Sequence

from deepsynth.rendering.bidi_classes import EMBEDDINGS, ISOLATES, REMOVED, base_level
from deepsynth.rendering.bidi_resolving import implicit_levels, resolve_sequence

MAX_DEPTH = 125
_OVERRIDES = {"k": "R", "i": "L"}


def embedded_levels(types: str, text: str, paragraph: int) -> bytes:
    """Return the levels of any paragraph: by its level runs, joined over isolates (X1-X10)."""
    levels, resolved = _explicit(types, paragraph)
    found = list(levels)
    for sequence in _level_runs(types, levels):
        level = levels[sequence[0]]
        sos, eos = _boundaries(sequence, levels, resolved, paragraph)
        kinds = "".join([resolved[index] for index in sequence])
        original, characters = ("".join([source[index] for index in sequence]) for source in (types, text))
        kinds = resolve_sequence(kinds, original, characters, ("RL"[level % 2 == 0], sos, eos))
        for index, value in zip(sequence, implicit_levels(kinds, level), strict=True):
            found[index] = value
    for index, kind in enumerate(types):
        if kind in REMOVED and index:
            found[index] = found[index - 1]
    return bytes(found)


class _Nesting:
    """The directional status stack of X1: what surrounds the current character, and what was too deep to be taken."""

    def __init__(self, paragraph: int) -> None:
        self._stack: list[tuple[int, str, bool]] = [(paragraph, "", False)]
        """(level, override, whether an isolate began it), the paragraph's own first."""
        self._overflow_isolates = self._overflow_embeddings = self._valid_isolates = 0

    @property
    def level(self) -> int:
        return self._stack[-1][0]

    @property
    def override(self) -> str:
        return self._stack[-1][1]

    def _following(self, *, odd: bool) -> int | None:
        """Return the next odd or even level; none where it would be too deep, or already is."""
        level = (self.level + 1) | 1 if odd else (self.level + 2) & ~1
        fits = level <= MAX_DEPTH and not self._overflow_isolates and not self._overflow_embeddings
        return level if fits else None

    def begin_embedding(self, *, odd: bool, override: str) -> None:
        """Apply X2-X5."""
        level = self._following(odd=odd)
        if level is not None:
            self._stack.append((level, override, False))
        elif not self._overflow_isolates:
            self._overflow_embeddings += 1

    def begin_isolate(self, *, odd: bool) -> None:
        """Apply X5a-X5c."""
        level = self._following(odd=odd)
        if level is not None:
            self._valid_isolates += 1
            self._stack.append((level, "", True))
        else:
            self._overflow_isolates += 1

    def end_isolate(self) -> None:
        """Apply X6a: embeddings that were begun inside the isolate end with it."""
        if self._overflow_isolates:
            self._overflow_isolates -= 1
        elif self._valid_isolates:
            self._overflow_embeddings = 0
            while not self._stack[-1][2]:
                self._stack.pop()
            self._stack.pop()
            self._valid_isolates -= 1

    def end_embedding(self) -> None:
        """Apply X7."""
        if self._overflow_isolates:
            return
        if self._overflow_embeddings:
            self._overflow_embeddings -= 1
        elif not self._stack[-1][2] and len(self._stack) >= 2:
            self._stack.pop()


def _explicit(types: str, paragraph: int) -> tuple[list[int], list[str]]:
    """Apply X1-X8: return the level of each character, and its class, replaced where it is overridden."""
    levels, resolved = [paragraph] * len(types), list(types)
    nesting = _Nesting(paragraph)
    for index, kind in enumerate(types):
        if kind == "q":
            nesting.end_isolate()
        if kind != "p":  # X8: a separator has the paragraph's level
            levels[index] = nesting.level
            if kind not in REMOVED:
                resolved[index] = nesting.override or kind
        if kind in EMBEDDINGS:
            nesting.begin_embedding(odd=kind in "jk", override=_OVERRIDES.get(kind, ""))
        elif kind in ISOLATES:
            inner = types[index + 1 : _matching_pdi(types, index)] if kind == "z" else ""
            nesting.begin_isolate(odd=kind == "y" or (kind == "z" and base_level(inner) == 1))
        elif kind == "d":
            nesting.end_embedding()
    return levels, resolved


def _matching_pdi(types: Sequence[str], start: int) -> int:
    depth = 1
    for index in range(start + 1, len(types)):
        if types[index] in ISOLATES:
            depth += 1
        elif types[index] == "q":
            depth -= 1
            if depth == 0:
                return index
    return len(types)


def _level_runs(types: str, levels: list[int]) -> list[list[int]]:
    """Return the isolating run sequences (X10) as lists of indices, without the characters that X9 removes."""
    runs: list[list[int]] = []
    kept = [index for index, kind in enumerate(types) if kind not in REMOVED]
    for index in kept:
        if runs and levels[runs[-1][-1]] == levels[index]:
            runs[-1].append(index)
        else:
            runs.append([index])
    starts = {run[0]: number for number, run in enumerate(runs)}
    joined: list[list[int]] = []
    taken: set[int] = set()
    for number, run in enumerate(runs):
        if number in taken:
            continue
        sequence = list(run)
        while types[sequence[-1]] in ISOLATES:
            match = _matching_pdi(types, sequence[-1])
            following = starts.get(match)
            if following is None or following in taken:
                break
            taken.add(following)
            sequence.extend(runs[following])
        joined.append(sequence)
    return joined


def _boundaries(sequence: list[int], levels: list[int], resolved: list[str], paragraph: int) -> tuple[str, str]:
    level = levels[sequence[0]]
    before = next((levels[i] for i in range(sequence[0] - 1, -1, -1) if resolved[i] not in REMOVED), paragraph)
    after = next((levels[i] for i in range(sequence[-1] + 1, len(levels)) if resolved[i] not in REMOVED), paragraph)
    if resolved[sequence[-1]] in ISOLATES:
        after = paragraph
    return "R" if max(level, before) % 2 else "L", "R" if max(level, after) % 2 else "L"
