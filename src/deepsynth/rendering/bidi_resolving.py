"""What each character of a sequence counts as, and its level (rules W1-W7, N0-N2, I1-I2 of UAX #9).

A sequence is an isolating run sequence, all of it at one embedding level; its classes are letters of `bidi_classes`.
"""

from __future__ import annotations

import re

_STRONG = {"L": "L", "R": "R", "A": "R", "E": "R", "N": "R"}


def resolve_sequence(kinds: str, original: str, text: str, directions: tuple[str, str, str]) -> str:
    """Return the strong or number class of each character of an isolating run sequence (W1-W7, N0-N2).

    `original` holds the classes before overrides; `directions` are the embedding's own, and those before and behind the
    sequence (`sos` and `eos` in the annex).
    """
    embedding, sos, eos = directions
    kinds = _weak(kinds, sos)
    if BRACKET.search(text):
        kinds = _brackets(kinds, original, text, embedding, sos)
    return _neutral(kinds, embedding, sos, eos)


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
            direction = next((_STRONG[found[i]] for i in range(opening - 1, -1, -1) if found[i] in _STRONG), sos)
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
    for match in BRACKET.finditer(text):
        place = match.start()
        if kinds[place] != "o":
            continue
        character = _CANONICAL.get(match[0], match[0])
        if character in _PAIRS:
            if len(stack) == _MOST_OPEN:
                break
            stack.append((_PAIRS[character], place))
        else:
            for depth in range(len(stack) - 1, -1, -1):
                if stack[depth][0] == character:
                    pairs.append((stack[depth][1], place))
                    del stack[depth:]
                    break
    return sorted(pairs)


_MOST_OPEN = 63  # as definition BD16 says
_CANONICAL = {"\u2329": "\u3008", "\u232a": "\u3009"}
_PAIRS = dict(
    zip(
        "([{༺༼᚛⁅⁽₍⌈⌊❨❪❬❮❰❲❴⟅⟦⟨⟪⟬⟮⦃⦅⦇⦉⦋⦍⦏⦑⦓⦕⦗⧘⧚⧼⸢⸤⸦⸨〈《「『【〔〖〘〚﹙﹛﹝（［｛｟｢",
        ")]}༻༽᚜⁆⁾₎⌉⌋❩❫❭❯❱❳❵⟆⟧⟩⟫⟭⟯⦄⦆⦈⦊⦌⦐⦎⦒⦔⦖⦘⧙⧛⧽⸣⸥⸧⸩〉》」』】〕〗〙〛﹚﹜﹞）］｝｠｣",
        strict=True,
    )
)
"""Opening bracket to closing bracket, from the Unicode Character Database's BidiBrackets."""
BRACKET = re.compile("[" + re.escape("".join([*_PAIRS, *_PAIRS.values(), *_CANONICAL])) + "]")

_BETWEEN_RIGHT = re.compile("(?<=[REN])[pgwoxyzq](?=[REN])")
_BETWEEN_LEFT = re.compile("(?<=L)[pgwoxyzq](?=L)")
_NEUTRALS = re.compile("[pgwoxyzq]+")


def _neutral(kinds: str, embedding: str, sos: str, eos: str) -> str:
    """Apply N1 and N2: neutrals between two of one direction take it, others that of the embedding."""
    kinds = _BETWEEN_LEFT.sub("L", _BETWEEN_RIGHT.sub("R", kinds))  # most of them, without a call of Python for each

    def around(found: re.Match[str]) -> str:
        before = _STRONG[kinds[found.start() - 1]] if found.start() else sos
        after = _STRONG[kinds[found.end()]] if found.end() < len(kinds) else eos
        return (before if before == after else embedding) * len(found[0])

    return _NEUTRALS.sub(around, kinds)


_RAISED = ({"L": 0, "R": 1, "E": 2, "N": 2}, {"L": 1, "R": 0, "E": 1, "N": 1})


def implicit_levels(kinds: str, level: int) -> bytes:
    """Apply I1 and I2 to a sequence whose classes are resolved, all of it at one level."""
    return kinds.translate({ord(kind): level + raised for kind, raised in _RAISED[level % 2].items()}).encode("latin-1")
