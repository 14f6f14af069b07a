"""How texts are cut into words before they are compared; its name stands in every report.

The usual ROUGE tokenizer keeps a-z and 0-9 alone: a Russian summary scored against itself gets 64, not 100. This one keeps
every letter and digit of every script, in lower case; characters of scripts that write no blanks count as words.
"""

from __future__ import annotations

import functools
import re
from typing import Protocol

from icu4py.breakers import SentenceBreaker
from nltk.stem.porter import PorterStemmer
from rouge_score import tokenize as rouge_score_tokenize

TOKENIZER_NAME = "unicode-words-1"
"""Changes whenever a text would be cut differently, so that figures are never compared across versions by mistake."""

SINGLE_CHARACTERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""Thai, Lao, Burmese, Khmer, kana and Chinese characters; Korean writes blanks and is cut at them."""

# Marks belong to their letter: without them words of Indic scripts would fall apart at every vowel sign.
WORD = re.compile(
    rf"[{SINGLE_CHARACTERS}]|(?:(?![{SINGLE_CHARACTERS}])[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff])+"
)
_MARKS = re.compile(r"[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]")
_ONE = re.compile(f"([{SINGLE_CHARACTERS}])")


class PlainTokenizer(Protocol):
    """Cuts text into words; the interface of rouge-score's tokenizers."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words of `text`."""
        ...


class UnicodeTokenizer:
    """Cuts text of any script into lower-case words."""

    name = TOKENIZER_NAME

    def tokenize(self, text: str) -> list[str]:
        """Return the words of `text`."""
        return WORD.findall(_MARKS.sub("", text.lower()))


class StemmedTokenizer:
    """rouge-score's own tokenizer with its stemmer: what English papers report, and of use for English alone."""

    name = "rouge-score, Porter stemmer"

    def tokenize(self, text: str) -> list[str]:
        """Return the stems of the words of `text` that are made of a-z and 0-9."""
        return rouge_score_tokenize.tokenize(text, _STEMMER)


class _CachedStemmer:
    """Stems each word once: the stemmer takes longer than everything else that is done with a word."""

    def __init__(self) -> None:
        self.stem = functools.lru_cache(maxsize=2**17)(PorterStemmer().stem)


_STEMMER = _CachedStemmer()


def separate_characters(text: str) -> str:
    """Return `text` with blanks around the characters of scripts that write none, so that blanks part words everywhere."""
    return _ONE.sub(r" \1 ", text)


def sentences(text: str, language: str = "und") -> list[str]:
    """Return the sentences of `text`, stripped, in order; line feeds end sentences too."""
    locale = "en" if language == "und" else language
    found = (part.strip() for line in text.splitlines() for part in SentenceBreaker(line, locale))
    return [sentence for sentence in found if sentence]
