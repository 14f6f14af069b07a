"""How texts are cut into words before they are compared; its name stands in every report.

The usual ROUGE tokenizer keeps a-z and 0-9 alone: a Russian summary scored against itself gets 64, not 100. This one keeps
every letter and digit of every script, in lower case; characters of scripts that write no blanks count as words.
"""

from __future__ import annotations

import re

from icu4py.breakers import SentenceBreaker

TOKENIZER_NAME = "unicode-words-1"
"""Changes whenever a text would be cut differently, so that figures are never compared across versions by mistake."""

_SINGLE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""Thai, Lao, Burmese, Khmer, kana and Chinese characters; Korean writes blanks and is cut at them."""

# Marks belong to their letter: without them words of Indic scripts would fall apart at every vowel sign.
_WORD = re.compile(rf"[{_SINGLE}]|(?:(?![{_SINGLE}])[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff])+")
_MARKS = re.compile(r"[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]")


class UnicodeTokenizer:
    """Cuts text into lower-case words; the interface is that of rouge-score's tokenizers."""

    name = TOKENIZER_NAME

    def tokenize(self, text: str) -> list[str]:
        """Return the words of `text`."""
        return _WORD.findall(_MARKS.sub("", text.lower()))


def sentences(text: str, language: str = "und") -> list[str]:
    """Return the sentences of `text`, stripped, in order; line feeds end sentences too."""
    locale = "en" if language == "und" else language
    found = (part.strip() for line in text.splitlines() for part in SentenceBreaker(line, locale))
    return [sentence for sentence in found if sentence]
