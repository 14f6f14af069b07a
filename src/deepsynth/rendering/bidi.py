"""The Unicode Bidirectional Algorithm (UAX #9): which characters run right to left, and in what order a line is drawn.

Written from the annex, rule by rule (P2-P3, X1-X10, W1-W7, N0-N2, I1-I2, L1-L2); the libraries that have it are under
licenses that we do not take, or do not give levels. Text without right-to-left characters takes none of this.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Matches a character that can make a line run right to left."""

_MAX_DEPTH = 125
_CLASSES = tuple("L R AL EN AN WS ES ET CS NSM BN B S ON LRE LRO RLE RLO PDF LRI RLI FSI PDI".split())  # noqa: SIM905
_FIRST = "A"
_ALIKE = re.compile("A+|B+|C+|D+|E+|F+|.", re.DOTALL)
"""Neighbors of the first six classes always get one level, so each run of them is resolved as one element."""


class _Codes(dict[int, str]):
    """One letter for the bidirectional class of each code point, found when first asked for."""

    def __missing__(self, codepoint: int) -> str:
        kind = unicodedata.bidirectional(chr(codepoint)) or "L"
        return self.setdefault(codepoint, chr(ord(_FIRST) + _CLASSES.index(kind)))


_CODES = _Codes()
_ISOLATES = ("LRI", "RLI", "FSI")
_STRONG = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}
_NEUTRAL = frozenset(("B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI"))
_REMOVED = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "BN"))


def needs_bidi(text: str) -> bool:
    """Tell whether `text` holds anything that may run right to left."""
    return RIGHT_TO_LEFT.search(text) is not None


def base_level(types: Sequence[str]) -> int:
    """Return the paragraph's level: that of its first strong character outside isolates (P2, P3)."""
    depth = 0
    for kind in types:
        if kind in _ISOLATES:
            depth += 1
        elif kind == "PDI":
            depth = max(0, depth - 1)
        elif depth == 0 and kind in ("L", "R", "AL"):
            return int(kind != "L")
    return 0


def bidi_levels(text: str, base: int | None = None) -> tuple[int, bytes]:
    """Return the paragraph's level and the embedding level of each character (odd: right to left).

    `base` overrides the paragraph's level. The text must be one paragraph.
    """
    coded = text.translate(_CODES)
    spans = [match.span() for match in _ALIKE.finditer(coded)]
    paragraph, levels = resolve_levels(
        [_CLASSES[ord(coded[start]) - ord(_FIRST)] for start, _ in spans],
        "".join(text[start] for start, _ in spans),
        base,
    )
    return paragraph, b"".join(
        bytes((level,)) * (end - start) for level, (start, end) in zip(levels, spans, strict=True)
    )


def resolve_levels(types: Sequence[str], text: str, base: int | None) -> tuple[int, list[int]]:
    """Return the paragraph's level and that of each element, by its bidirectional class; `text` tells which are brackets."""
    paragraph = base_level(types) if base is None else base
    levels, resolved = _explicit(types, paragraph)
    for sequence in _level_runs(types, levels, resolved):
        _resolve_sequence((types, text), sequence, resolved, levels, paragraph)
    _implicit(levels, resolved)
    _reset_whitespace(types, levels, paragraph)
    return paragraph, levels


def _matching_pdi(types: Sequence[str], start: int) -> int:
    depth = 1
    for index in range(start + 1, len(types)):
        if types[index] in _ISOLATES:
            depth += 1
        elif types[index] == "PDI":
            depth -= 1
            if depth == 0:
                return index
    return len(types)


def _explicit(types: Sequence[str], paragraph: int) -> tuple[list[int], list[str]]:  # noqa: C901 - the annex is one table
    """Apply X1-X8: levels from embeddings, overrides and isolates; overridden types are replaced."""
    levels, resolved = [paragraph] * len(types), list(types)
    stack: list[tuple[int, str, bool]] = [(paragraph, "", False)]
    overflow_isolates = overflow_embeddings = valid_isolates = 0
    for index, kind in enumerate(types):
        level, override, _ = stack[-1]
        if kind in ("RLE", "LRE", "RLO", "LRO"):
            levels[index] = level
            odd = kind[0] == "R"
            following = _next_level(level, odd=odd)
            if following <= _MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                stack.append((following, {"RLO": "R", "LRO": "L"}.get(kind, ""), False))
            elif not overflow_isolates:
                overflow_embeddings += 1
        elif kind in _ISOLATES:
            levels[index] = level
            resolved[index] = override or kind
            inner = types[index + 1 : _matching_pdi(types, index)] if kind == "FSI" else ()
            odd = kind == "RLI" or (kind == "FSI" and base_level(inner) == 1)
            following = _next_level(level, odd=odd)
            if following <= _MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                valid_isolates += 1
                stack.append((following, "", True))
            else:
                overflow_isolates += 1
        elif kind == "PDI":
            if overflow_isolates:
                overflow_isolates -= 1
            elif valid_isolates:
                overflow_embeddings = 0
                while not stack[-1][2]:
                    stack.pop()
                stack.pop()
                valid_isolates -= 1
            levels[index] = stack[-1][0]
            resolved[index] = stack[-1][1] or kind
        elif kind == "PDF":
            levels[index] = level
            if not overflow_isolates:
                if overflow_embeddings:
                    overflow_embeddings -= 1
                elif not stack[-1][2] and len(stack) >= 2:
                    stack.pop()
        elif kind == "B":
            levels[index] = paragraph
        else:
            levels[index] = level
            if kind != "BN" and override:
                resolved[index] = override
    return levels, resolved


def _next_level(level: int, *, odd: bool) -> int:
    return (level + 1) | 1 if odd else (level + 2) & ~1


def _level_runs(types: Sequence[str], levels: list[int], resolved: list[str]) -> list[list[int]]:
    """Return the isolating run sequences (X10) as lists of indices, without the characters that X9 removes."""
    runs: list[list[int]] = []
    kept = [index for index, kind in enumerate(types) if kind not in _REMOVED]
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
        while types[sequence[-1]] in _ISOLATES:
            match = _matching_pdi(types, sequence[-1])
            following = starts.get(match)
            if following is None or following in taken:
                break
            taken.add(following)
            sequence.extend(runs[following])
        joined.append(sequence)
    return joined


def _resolve_sequence(
    source: tuple[Sequence[str], str], sequence: list[int], resolved: list[str], levels: list[int], paragraph: int
) -> None:
    level = levels[sequence[0]]
    sos, eos = _boundaries(sequence, levels, resolved, paragraph)
    kinds = [resolved[index] for index in sequence]
    _weak(kinds, sos)
    _brackets(source, sequence, kinds, "R" if level % 2 else "L", sos)
    _neutral(kinds, "R" if level % 2 else "L", sos, eos)
    for index, kind in zip(sequence, kinds, strict=True):
        resolved[index] = kind


def _boundaries(sequence: list[int], levels: list[int], resolved: list[str], paragraph: int) -> tuple[str, str]:
    level = levels[sequence[0]]
    before = next((levels[i] for i in range(sequence[0] - 1, -1, -1) if resolved[i] not in _REMOVED), paragraph)
    after = next((levels[i] for i in range(sequence[-1] + 1, len(levels)) if resolved[i] not in _REMOVED), paragraph)
    if resolved[sequence[-1]] in _ISOLATES:
        after = paragraph
    return "R" if max(level, before) % 2 else "L", "R" if max(level, after) % 2 else "L"


def _weak(kinds: list[str], sos: str) -> None:  # noqa: C901 - seven rules in their order
    """Apply W1-W7 in place."""
    previous = sos
    for index, kind in enumerate(kinds):  # W1
        if kind == "NSM":
            kinds[index] = "ON" if previous in (*_ISOLATES, "PDI") else previous
        previous = kinds[index]
    strong = sos
    for index, kind in enumerate(kinds):  # W2, W3
        if kind in ("L", "R", "AL"):
            strong = kind
        if kind == "EN" and strong == "AL":
            kinds[index] = "AN"
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for index in range(1, len(kinds) - 1):  # W4
        around = kinds[index - 1], kinds[index + 1]
        if kinds[index] in ("ES", "CS") and around == ("EN", "EN"):
            kinds[index] = "EN"
        elif kinds[index] == "CS" and around == ("AN", "AN"):
            kinds[index] = "AN"
    for index, kind in enumerate(kinds):  # W5
        if kind == "EN":
            for step in (-1, 1):
                near = index + step
                while 0 <= near < len(kinds) and kinds[near] == "ET":
                    kinds[near] = "EN"
                    near += step
    strong = sos
    for index, kind in enumerate(kinds):  # W6, W7
        if kind in ("ES", "ET", "CS"):
            kinds[index] = "ON"
        if kind in ("L", "R"):
            strong = kind
        if kind == "EN" and strong == "L":
            kinds[index] = "L"


def _brackets(
    source: tuple[Sequence[str], str], sequence: list[int], kinds: list[str], embedding: str, sos: str
) -> None:
    """Apply N0 in place: a pair of brackets takes one direction, by what it holds and what stands before it."""
    for opening, closing in _bracket_pairs(source[1], sequence, kinds):
        inside = {_STRONG[kind] for kind in kinds[opening + 1 : closing] if kind in _STRONG}
        if embedding in inside:
            direction = embedding
        elif inside:
            before = next((_STRONG[kind] for kind in reversed(kinds[:opening]) if kind in _STRONG), sos)
            direction = before if before != embedding else embedding
        else:
            continue
        for place in (opening, closing):
            kinds[place] = direction
            for after in range(place + 1, len(kinds)):
                if source[0][sequence[after]] != "NSM":
                    break
                kinds[after] = direction


def _bracket_pairs(text: str, sequence: list[int], kinds: list[str]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    for place, index in enumerate(sequence):
        if kinds[place] != "ON" or not unicodedata.mirrored(text[index]):
            continue
        character = _CANONICAL.get(text[index], text[index])
        if character in _PAIRS:
            if len(stack) == 63:
                break
            stack.append((_PAIRS[character], place))
        elif character in _CLOSING:
            for depth in range(len(stack) - 1, -1, -1):
                if stack[depth][0] == character:
                    pairs.append((stack[depth][1], place))
                    del stack[depth:]
                    break
    return sorted(pairs)


_CANONICAL = {"\u2329": "\u3008", "\u232a": "\u3009"}
_PAIRS = dict(
    zip(
        "([{༺༼᚛⁅⁽₍⌈⌊❨❪❬❮❰❲❴⟅⟦⟨⟪⟬⟮⦃⦅⦇⦉⦋⦍⦏⦑⦓⦕⦗⧘⧚⧼⸢⸤⸦⸨〈《「『【〔〖〘〚﹙﹛﹝（［｛｟｢",
        ")]}༻༽᚜⁆⁾₎⌉⌋❩❫❭❯❱❳❵⟆⟧⟩⟫⟭⟯⦄⦆⦈⦊⦌⦐⦎⦒⦔⦖⦘⧙⧛⧽⸣⸥⸧⸩〉》」』】〕〗〙〛﹚﹜﹞）］｝｠｣",
        strict=True,
    )
)
"""Opening bracket to closing bracket, from the Unicode Character Database's BidiBrackets."""
_CLOSING = frozenset(_PAIRS.values())


def _neutral(kinds: list[str], embedding: str, sos: str, eos: str) -> None:
    """Apply N1 and N2 in place."""
    index = 0
    while index < len(kinds):
        if kinds[index] not in _NEUTRAL:
            index += 1
            continue
        end = index
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        before = _STRONG[kinds[index - 1]] if index else sos
        after = _STRONG[kinds[end]] if end < len(kinds) else eos
        kinds[index:end] = [before if before == after else embedding] * (end - index)
        index = end


def _implicit(levels: list[int], resolved: Sequence[str]) -> None:
    """Apply I1 and I2 in place; characters that X9 removes take the level before them."""
    for index, kind in enumerate(resolved):
        if kind in _REMOVED:
            levels[index] = levels[index - 1] if index else levels[index]
        elif levels[index] % 2 == 0:
            levels[index] += {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)
        else:
            levels[index] += kind in ("L", "EN", "AN")


def _reset_whitespace(types: Sequence[str], levels: list[int], paragraph: int) -> None:
    """Apply L1 to separators and to the blanks before them and at the end of the paragraph."""
    trailing = True
    for index in range(len(types) - 1, -1, -1):
        kind = types[index]
        if kind in ("B", "S"):
            levels[index] = paragraph
            trailing = True
        elif kind in ("WS", *_ISOLATES, "PDI") or kind in _REMOVED:
            if trailing:
                levels[index] = paragraph
        else:
            trailing = False


def visual_runs(levels: Sequence[int], start: int, end: int) -> list[tuple[int, int, int]]:
    """Return the runs (start, end, level) of a line in the order they are drawn, left to right (L2)."""
    runs: list[tuple[int, int, int]] = []
    for index in range(start, end):
        if runs and runs[-1][2] == levels[index]:
            runs[-1] = (runs[-1][0], index + 1, levels[index])
        else:
            runs.append((index, index + 1, levels[index]))
    highest = max((level for *_, level in runs), default=0)
    for level in range(highest, 0, -1):
        position = 0
        while position < len(runs):
            stop = position
            while stop < len(runs) and runs[stop][2] >= level:
                stop += 1
            runs[position:stop] = reversed(runs[position:stop])
            position = max(stop, position + 1)
    return runs
