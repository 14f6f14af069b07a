"""Texts as words and letters, so that copies are told from mere likeness whatever their layout."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
CJK = re.compile(f"[{_CJK}]")
_WORD = re.compile(r"[^\W_]+")
_UNIT = re.compile(f"[{_CJK}]|[^\\W_{_CJK}]+")


def words(text: str) -> list[str]:
    """Return the words in lower case: runs of letters and digits."""
    return _WORD.findall(text.lower())


def units(text: str) -> list[str]:
    """Return the words in lower case, and each Chinese, Japanese or Korean character by itself."""
    return _UNIT.findall(text.lower())


def runs(found: Sequence[str], size: int) -> list[str]:
    """Return every run of `size` words, joined by blanks; fewer words are one run."""
    return [" ".join(found[start : start + size]) for start in range(max(len(found) - size, 0) + 1)]


def letters(text: str) -> str:
    """Return the letters and digits in lower case: equal for texts that differ only in layout."""
    return "".join(words(text))


def count_words(text: str) -> float:
    """Return how many words `text` has; two CJK characters count as one."""
    cjk = len(CJK.findall(text))
    return len(_WORD.findall(CJK.sub(" ", text))) + cjk / 2
