"""How well a tokenizer covers a language: whether its words are tokens, or fall apart into letters and bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deepsynth.models.family import TokenCodec

POOR = 1.5
"""Fewer characters a token than this: about three times as many tokens as English takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What the texts took."""

    characters: int
    tokens: int
    broken: int
    """Tokens that are a part of a character: its bytes are spelled out."""
    words: int
    whole_words: int
    """Words between spaces that are one token."""
    lossless: bool
    """Whether every text comes back as it was."""

    @property
    def characters_per_token(self) -> float:
        """How much a token says; English with a large vocabulary reaches 4 to 5."""
        return self.characters / max(1, self.tokens)

    def describe(self) -> str:
        """Return it in words, with what it means for training."""
        words, tokens = max(1, self.words), max(1, self.tokens)
        facts = (
            f"{self.characters:,} characters are {self.tokens:,} tokens: {self.characters_per_token:.2f} characters a token,"
            f" {100 * self.whole_words / words:.0f} % of the words in one token, {100 * self.broken / tokens:.0f} % of the"
            f" tokens a part of a character; the text {'comes back exactly' if self.lossless else 'DOES NOT come back exactly'}"
        )
        if self.characters_per_token >= POOR:
            return facts
        return facts + "; summaries in this language are long in tokens: raise max_new_tokens and expect slower writing"


def coverage(tokenizer: TokenCodec, texts: Iterable[str]) -> Coverage:
    """Return how a tokenizer takes texts; an empty collection gives zeros."""
    characters = tokens = broken = words = whole = 0
    lossless = True
    for text in texts:
        ids = tokenizer.encode(text)
        characters, tokens = characters + len(text), tokens + len(ids)
        broken += sum("\N{REPLACEMENT CHARACTER}" in tokenizer.decode([item]) for item in ids)
        lossless &= tokenizer.decode(ids) == text
        for word in text.split():
            words += 1
            whole += len(tokenizer.encode(" " + word)) == 1
    return Coverage(
        characters=characters, tokens=tokens, broken=broken, words=words, whole_words=whole, lossless=lossless
    )
