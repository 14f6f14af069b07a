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
_LETTERS = {
    **{"L": "L", "R": "R", "AL": "A", "EN": "E", "AN": "N", "ES": "s", "ET": "t", "CS": "c", "NSM": "m", "BN": "b"},
    **{"B": "p", "S": "g", "WS": "w", "ON": "o", "LRE": "h", "LRO": "i", "RLE": "j", "RLO": "k", "PDF": "d"},
    **{"LRI": "x", "RLI": "y", "FSI": "z", "PDI": "q"},
}
"""One letter for each bidirectional class, so that a paragraph's classes are a string and most rules regular expressions."""


class _Codes(dict[int, str]):
    """The letter of each code point, found when first asked for."""

    def __missing__(self, codepoint: int) -> str:
        return self.setdefault(codepoint, _LETTERS[unicodedata.bidirectional(chr(codepoint)) or "L"])


_CODES = _Codes()
_ISOLATES = "xyz"
_EXPLICIT = re.compile("[hijkdxyzq]")
_REMOVED = "hijkdb"
"""What X9 removes."""
_STRONG = {"L": "L", "R": "R", "A": "R", "E": "R", "N": "R"}


def needs_bidi(text: str) -> bool:
    """Tell whether `text` holds anything that may run right to left."""
    return not text.isascii() and RIGHT_TO_LEFT.search(text) is not None


def base_level(types: str) -> int:
    """Return the paragraph's level: that of its first strong character outside isolates (P2, P3)."""
    depth = 0
    for found in re.finditer("[xyzqLRA]", types):
        kind = found[0]
        if kind in _ISOLATES:
            depth += 1
        elif kind == "q":
            depth = max(0, depth - 1)
        elif depth == 0:
            return int(kind != "L")
    return 0


def bidi_levels(text: str, base: int | None = None) -> tuple[int, bytes]:
    """Return the paragraph's level and the embedding level of each character (odd: right to left).

    `base` overrides the paragraph's level. The text must be one paragraph.
    """
    return _levels(text.translate(_CODES), text, base)


def resolve_levels(classes: Sequence[str], text: str, base: int | None) -> tuple[int, bytes]:
    """Return the paragraph's level and that of each character, by its bidirectional class; `text` tells which are brackets."""
    return _levels("".join(map(_LETTERS.__getitem__, classes)), text, base)


def _levels(types: str, text: str, base: int | None) -> tuple[int, bytes]:
    paragraph = base_level(types) if base is None else base
    levels = _embedded(types, text, paragraph) if _EXPLICIT.search(types) else _plain(types, text, paragraph)
    return paragraph, _reset_blanks(types, levels, paragraph)


def _plain(types: str, text: str, paragraph: int) -> bytes:
    """Return the levels of a paragraph without embeddings, overrides and isolates: all of it is one sequence."""
    direction = "RL"[paragraph % 2 == 0]
    if "b" not in types:
        return _implicit(_resolve(types, types, text, (direction, direction, direction)), paragraph)
    kept = types.replace("b", "")
    if _BRACKET.search(text):
        text = text.translate({ord(character): None for character in set(text) if _CODES[ord(character)] == "b"})
    found = _implicit(_resolve(kept, kept, text, (direction, direction, direction)), paragraph)
    parts: list[bytes] = []
    done = removed = 0
    for run in re.finditer("b+", types):  # they take the level before them
        here = run.start() - removed
        parts += [found[done:here], (found[here - 1 : here] if here else bytes((paragraph,))) * len(run[0])]
        done, removed = here, removed + len(run[0])
    return b"".join([*parts, found[done:]])


def _embedded(types: str, text: str, paragraph: int) -> bytes:
    """Return the levels of any paragraph: by its level runs, joined over isolates (X1-X10)."""
    levels, resolved = _explicit(types, paragraph)
    found = list(levels)
    for sequence in _level_runs(types, levels):
        level = levels[sequence[0]]
        sos, eos = _boundaries(sequence, levels, resolved, paragraph)
        kinds = "".join([resolved[index] for index in sequence])
        original, characters = ("".join([source[index] for index in sequence]) for source in (types, text))
        kinds = _resolve(kinds, original, characters, ("RL"[level % 2 == 0], sos, eos))
        for index, value in zip(sequence, _implicit(kinds, level), strict=True):
            found[index] = value
    for index, kind in enumerate(types):
        if kind in _REMOVED and index:
            found[index] = found[index - 1]
    return bytes(found)


def _resolve(kinds: str, original: str, text: str, directions: tuple[str, str, str]) -> str:
    """Return the strong or number class of each character of an isolating run sequence (W1-W7, N0-N2).

    `original` holds the classes before overrides, `directions` that of the embedding, sos and eos.
    """
    embedding, sos, eos = directions
    kinds = _weak(kinds, sos)
    if _BRACKET.search(text):
        kinds = _brackets(kinds, original, text, embedding, sos)
    return _neutral(kinds, embedding, sos, eos)


def _matching_pdi(types: Sequence[str], start: int) -> int:
    depth = 1
    for index in range(start + 1, len(types)):
        if types[index] in _ISOLATES:
            depth += 1
        elif types[index] == "q":
            depth -= 1
            if depth == 0:
                return index
    return len(types)


def _explicit(types: str, paragraph: int) -> tuple[list[int], list[str]]:  # noqa: C901 - the annex is one table
    """Apply X1-X8: levels from embeddings, overrides and isolates; overridden types are replaced."""
    levels, resolved = [paragraph] * len(types), list(types)
    stack: list[tuple[int, str, bool]] = [(paragraph, "", False)]
    overflow_isolates = overflow_embeddings = valid_isolates = 0
    for index, kind in enumerate(types):
        level, override, _ = stack[-1]
        if kind in "hijk":
            levels[index] = level
            odd = kind in "jk"
            following = _next_level(level, odd=odd)
            if following <= _MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                stack.append((following, {"k": "R", "i": "L"}.get(kind, ""), False))
            elif not overflow_isolates:
                overflow_embeddings += 1
        elif kind in _ISOLATES:
            levels[index] = level
            resolved[index] = override or kind
            inner = types[index + 1 : _matching_pdi(types, index)] if kind == "z" else ""
            odd = kind == "y" or (kind == "z" and base_level(inner) == 1)
            following = _next_level(level, odd=odd)
            if following <= _MAX_DEPTH and not overflow_isolates and not overflow_embeddings:
                valid_isolates += 1
                stack.append((following, "", True))
            else:
                overflow_isolates += 1
        elif kind == "q":
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
        elif kind == "d":
            levels[index] = level
            if not overflow_isolates:
                if overflow_embeddings:
                    overflow_embeddings -= 1
                elif not stack[-1][2] and len(stack) >= 2:
                    stack.pop()
        elif kind == "p":
            levels[index] = paragraph
        else:
            levels[index] = level
            if kind != "b" and override:
                resolved[index] = override
    return levels, resolved


def _next_level(level: int, *, odd: bool) -> int:
    return (level + 1) | 1 if odd else (level + 2) & ~1


def _level_runs(types: str, levels: list[int]) -> list[list[int]]:
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


def _boundaries(sequence: list[int], levels: list[int], resolved: list[str], paragraph: int) -> tuple[str, str]:
    level = levels[sequence[0]]
    before = next((levels[i] for i in range(sequence[0] - 1, -1, -1) if resolved[i] not in _REMOVED), paragraph)
    after = next((levels[i] for i in range(sequence[-1] + 1, len(levels)) if resolved[i] not in _REMOVED), paragraph)
    if resolved[sequence[-1]] in _ISOLATES:
        after = paragraph
    return "R" if max(level, before) % 2 else "L", "R" if max(level, after) % 2 else "L"


_MARKS = re.compile("(^|[^m])(m+)")
_NUMBERS_AFTER_ARABIC = re.compile("A[^LRAE]*E[^LRA]*")
_BETWEEN_NUMBERS = re.compile("(?<=E)[sc](?=E)")
_BETWEEN_ARABIC_NUMBERS = re.compile("(?<=N)c(?=N)")
_NUMBERS_WITH_SIGNS = re.compile("t*E[tE]*")
_NUMBERS_AFTER_LATIN = re.compile("L[^LRE]*E[^LR]*")
_LEFT_OVER = str.maketrans("stc", "ooo")


def _weak(kinds: str, sos: str) -> str:
    """Apply W1-W7."""
    if "m" in kinds:  # W1
        kinds = _MARKS.sub(lambda m: m[1] + ("o" if m[1] and m[1] in "xyzq" else m[1] or sos) * len(m[2]), kinds)
    numbers = "E" in kinds
    if numbers:  # W2
        kinds = _NUMBERS_AFTER_ARABIC.sub(lambda m: m[0].replace("E", "N"), kinds)
    kinds = kinds.replace("A", "R")  # W3
    if numbers:  # W4, W5
        kinds = _BETWEEN_NUMBERS.sub("E", kinds)
    kinds = _BETWEEN_ARABIC_NUMBERS.sub("N", kinds)
    if numbers:
        kinds = _NUMBERS_WITH_SIGNS.sub(lambda m: "E" * len(m[0]), kinds)
    kinds = kinds.translate(_LEFT_OVER)  # W6
    if numbers:  # W7
        start = kinds if sos == "L" else ""
        first = re.match("[^LR]*", start)
        lead = first[0] if first else ""
        kinds = lead.replace("E", "L") + kinds[len(lead) :]
        kinds = _NUMBERS_AFTER_LATIN.sub(lambda m: m[0].replace("E", "L"), kinds)
    return kinds


def _brackets(kinds: str, original: str, text: str, embedding: str, sos: str) -> str:
    """Apply N0: a pair of brackets takes one direction, by what it holds and what stands before it."""
    found = list(kinds)
    for opening, closing in _bracket_pairs(text, kinds):
        inside = {_STRONG[kind] for kind in found[opening + 1 : closing] if kind in _STRONG}
        if embedding in inside:
            direction = embedding
        elif inside:
            before = next((_STRONG[found[i]] for i in range(opening - 1, -1, -1) if found[i] in _STRONG), sos)
            direction = before if before != embedding else embedding
        else:
            continue
        for place in (opening, closing):
            found[place] = direction
            for after in range(place + 1, len(found)):
                if original[after] != "m":
                    break
                found[after] = direction
    return "".join(found)


def _bracket_pairs(text: str, kinds: str) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    for match in _BRACKET.finditer(text):
        place = match.start()
        if kinds[place] != "o":
            continue
        character = _CANONICAL.get(match[0], match[0])
        if character in _PAIRS:
            if len(stack) == 63:
                break
            stack.append((_PAIRS[character], place))
        else:
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
_BRACKET = re.compile("[" + re.escape("".join([*_PAIRS, *_PAIRS.values(), *_CANONICAL])) + "]")

_BETWEEN_RIGHT = re.compile("(?<=[REN])[pgwoxyzq](?=[REN])")
_BETWEEN_LEFT = re.compile("(?<=L)[pgwoxyzq](?=L)")
_NEUTRALS = re.compile("[pgwoxyzq]+")


def _neutral(kinds: str, embedding: str, sos: str, eos: str) -> str:
    """Apply N1 and N2: neutrals between two of one direction take it, others that of the embedding."""
    kinds = _BETWEEN_LEFT.sub("L", _BETWEEN_RIGHT.sub("R", kinds))  # most of them, at no call each

    def around(found: re.Match[str]) -> str:
        before = _STRONG[kinds[found.start() - 1]] if found.start() else sos
        after = _STRONG[kinds[found.end()]] if found.end() < len(kinds) else eos
        return (before if before == after else embedding) * len(found[0])

    return _NEUTRALS.sub(around, kinds)


_RAISED = ({"L": 0, "R": 1, "E": 2, "N": 2}, {"L": 1, "R": 0, "E": 1, "N": 1})


def _implicit(kinds: str, level: int) -> bytes:
    """Apply I1 and I2 to a sequence whose classes are resolved, all of it at one level."""
    return kinds.translate({ord(kind): level + raised for kind, raised in _RAISED[level % 2].items()}).encode("latin-1")


_RESET = re.compile(r"(?<![wxyzqhijkdb])[wxyzqhijkdb]*(?:[pg]|\Z)|[pg]")


def _reset_blanks(types: str, levels: bytes, paragraph: int) -> bytes:
    """Apply L1 to separators and to the blanks before them and at the end of the paragraph."""
    found = bytearray(levels)
    for blanks in _RESET.finditer(types):
        found[blanks.start() : blanks.end()] = bytes((paragraph,)) * len(blanks[0])
    return bytes(found)


_RUNS = re.compile(rb"(.)\1*", re.DOTALL)


def visual_runs(levels: Sequence[int], start: int, end: int) -> list[tuple[int, int, int]]:
    """Return the runs (start, end, level) of a line in the order they are drawn, left to right (L2)."""
    found = _RUNS.finditer(bytes(levels[start:end]))
    runs = [(start + run.start(), start + run.end(), run[0][0]) for run in found]
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
