"""What a frontier shows its model: pages cut from running text, whole documents, and how long an answer may be."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError
from deepsynth.data.tasks import INSTRUCTIONS, READ, Row
from deepsynth.evaluation.density import Drawing
from deepsynth.evaluation.evaluator import ROOM_FOR_INSTRUCTION, transcript_limit


def longest_transcript(tokens: int, visual_tokens: int, positions: int) -> int:
    """Return the tokens that a transcript of a page of `tokens` text tokens may have: a quarter more, where they fit.

    Raises:
        InputError: the page and what stands on it do not fit into the decoder's positions together.
    """
    room = positions - visual_tokens - ROOM_FOR_INSTRUCTION
    if room < tokens:
        raise InputError(
            f"a page of {visual_tokens} visual tokens and its {tokens} text tokens do not fit into the decoder's {positions}"
            " positions; ask for a lower compression or a smaller mode"
        )
    return min(transcript_limit(tokens), room)


def page_texts(rows: Sequence[Row], tokens: int, pages: int, count: Callable[[str], int]) -> Iterator[str]:
    """Yield up to `pages` texts of about `tokens` tokens and hardly more, joined from rows whose words are used once at most.

    Words stay whole; line feeds become blanks.
    """
    words = iter(word for row in rows for word in row.text.split())
    for _ in range(pages):
        chosen: list[str] = []
        total = 0
        for word in words:
            total += count(f" {word}")
            if total > tokens:
                break
            chosen.append(word)
        else:
            return
        if chosen:
            yield " ".join(chosen)


def shuffle_words(text: str, seed: str) -> str:
    """Return the words of `text` in an order that `seed` decides: what a language model cannot guess."""
    words = text.split()
    random.Random(seed).shuffle(words)
    return " ".join(words)


def to_read(drawings: Sequence[Drawing], texts: Sequence[str]) -> list[Example]:
    """Return the pages of each drawing with the instruction to read them."""
    return [
        Example(id=f"page-{number}", pages=drawing.pages, instruction=READ, text=text)
        for number, (drawing, text) in enumerate(zip(drawings, texts, strict=True))
    ]


def to_summarize(row: Row, pages: tuple[Page, ...], text: str | None = None) -> Example:
    """Return a row to be summarized from `pages`, or from `text` where there are none."""
    return Example(
        id=row.id,
        pages=pages,
        instruction=INSTRUCTIONS["summarize"],
        text=text or row.text,
        summary=row.summary,
        language=row.language,
    )
