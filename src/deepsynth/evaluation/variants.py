"""Rows as a model is shown them: with another row's pages, as plain text, with the text that it is to read out first.

Nothing here is drawn ahead: a changed row is made when it is asked for, so a benchmark of any size fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.data.tasks import reading_first, transcript
from deepsynth.rendering.normalize import normalize_text


class Examples(Protocol):
    """Examples by index, made when they are asked for; a list of them will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example: ...


@dataclass(frozen=True, slots=True)
class Changed:
    """Examples with each one changed when it is asked for."""

    examples: Examples
    change: Callable[[int, Example], Example]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int, /) -> Example:
        return self.change(index, self.examples[index])


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of the examples, by their numbers."""

    examples: Examples
    numbers: Sequence[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int, /) -> Example:
        return self.examples[self.numbers[index]]


def reading_aloud(example: Example, *, keep_lines: bool) -> Example:
    """Return an example whose answer starts with what stands on its pages, where that is known."""
    if not example.text or example.summary is None:
        return example
    read = transcript(example.text, example.pages if keep_lines else ())
    instruction, answer = reading_first(example.instruction, read, example.summary)
    return replace(example, instruction=instruction, summary=answer)


def first_pages(example: Example, most: int) -> Example:
    """Return an example with its first `most` pages, and only the text that stands on those."""
    first = replace(example, pages=example.pages[:most])
    return replace(first, text=_text_shown(first, example.text)) if example.text else first


def page_text(example: Example, *, keep_lines: bool = False) -> str:
    """Return what stands on an example's pages, words parted by single blanks; with `keep_lines` those that a line breaks too.

    Raises:
        InputError: the row has no text.
    """
    if not example.text:
        raise InputError(f"row {example.id!r} has no text, so what was read cannot be compared")
    if keep_lines and all(page.lines for page in example.pages):
        return " ".join(transcript(example.text, example.pages).split())
    return " ".join(_text_shown(example, example.text).split())


def _text_shown(example: Example, text: str) -> str:
    """Return the text up to the end of the example's pages: they may have been limited, so that the rest was never shown."""
    span = example.pages[-1].span if example.pages else None
    return text if span is None else normalize_text(text)[: span[1]]


def with_other_pages(examples: Examples) -> Examples:
    """Return the rows, each with the pages of the row before it: what a model that does not look would not notice.

    Raises:
        InputError: fewer than two rows: there is no other page to show.
    """
    if len(examples) < 2:
        raise InputError("permuting pages needs at least two rows")
    return Changed(examples, lambda number, example: replace(example, pages=examples[number - 1].pages))


def as_text(examples: Examples, cut: Callable[[int, str], str]) -> Examples:
    """Return the rows without pages: the decoder reads the text itself, cut by `cut` (row number, text)."""

    def change(number: int, example: Example) -> Example:
        if not example.text:
            raise InputError(f"row {example.id!r} has no text to read instead of its pages")
        return replace(example, pages=(), text=cut(number, example.text))

    return Changed(examples, change)


def cut_to_tokens(text: str, tokens: int, count: Callable[[str], int]) -> str:
    """Return the longest beginning of `text` that `count` gives at most so many tokens; at least one character."""
    if count(text) <= tokens:
        return text
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= tokens else (low, middle - 1)
    return text[:low]
