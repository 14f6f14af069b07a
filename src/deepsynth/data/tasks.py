"""What a model is asked to do with a page: the instruction, and how the answer follows from the text.

Reading teaches the eyes, random letters teach them without help from language, and extractive tasks teach to find and copy;
summaries come last. The answers of all but summaries are made from the text itself, so they never run out.
"""

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deepsynth.core.documents import Document, EncodedPage, Example, Page
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.renderer import Renderer

READ = "Read."
INSTRUCTIONS: Mapping[str, str] = {
    "summarize": "Summarize.",
    "read": READ,
    "random": READ,
    "shuffled": READ,
    "first-sentence": "First sentence.",
    "line": "Line {number}.",
    "random-line": "Line {number}.",
    "cloze": "Word after {word}.",
    "title": "Title.",
}
"""Task name -> instruction. Random letters and shuffled words are read like any page."""

_SHORT, _TITLE = 3, 6
"""Letters of words that a title leaves out, and the words that it has at most."""

LETTERS = string.ascii_letters + string.digits + "-_.,:;/()+'\""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A text with its summary, before it is drawn."""

    id: str
    text: str
    summary: str | None = None
    language: str = "und"
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """How answers are to be given, as `DataConfig` says it."""

    read_first: float = 0.0
    """The chance that the answer of a task in `ANSWERED` starts with what stands on the page."""
    keep_lines: bool = False
    """What is read keeps the lines of the page."""


NO_WISHES = Wishes()

Maker = Callable[[Row, random.Random], tuple[str, str, str]]
"""(row, generator) -> (text on the page, instruction, answer)"""


def crop_words(text: str, longest: int, generator: random.Random) -> str:
    """Return a stretch of whole words of at most `longest` characters, from a random place."""
    words = text.split()
    start = generator.randrange(len(words))
    chosen: list[str] = []
    length = -1
    for word in words[start:]:
        if length + 1 + len(word) > longest and chosen:
            break
        chosen.append(word)
        length += 1 + len(word)
    return " ".join(chosen)[:longest]


def _read(row: Row, _generator: random.Random) -> tuple[str, str, str]:
    text = " ".join(row.text.split())
    return text, INSTRUCTIONS["read"], text


def _random(row: Row, generator: random.Random) -> tuple[str, str, str]:
    count = max(2, len(row.text) // 2)
    letters = "".join(generator.choice(LETTERS) if generator.random() > 0.15 else " " for _ in range(count))
    text = " ".join(letters.split()) or "a"
    return text, INSTRUCTIONS["random"], text


def _shuffled(row: Row, generator: random.Random) -> tuple[str, str, str]:
    words = row.text.split()
    generator.shuffle(words)
    text = " ".join(words)
    return text, INSTRUCTIONS["shuffled"], text


def _first_sentence(row: Row, _generator: random.Random) -> tuple[str, str, str]:
    text = " ".join(row.text.split())
    end = min((found + 1 for mark in ".!?" if (found := text.find(mark + " ")) >= 0), default=len(text))
    return text, INSTRUCTIONS["first-sentence"], text[:end]


def _title(row: Row, generator: random.Random) -> tuple[str, str, str]:
    """The first words that are likely to mean something: a language's little words are mostly short."""
    text = " ".join(row.text.split())
    words = [word for word in (word.strip(string.punctuation) for word in text.split()) if len(word) > _SHORT]
    return (text, INSTRUCTIONS["title"], " ".join(words[:_TITLE])) if words else _read(row, generator)


def _cloze(row: Row, generator: random.Random) -> tuple[str, str, str]:
    words = row.text.split()
    once = [place for place in range(len(words) - 1) if words.count(words[place]) == 1]
    if not once:
        return _read(row, generator)
    place = generator.choice(once)
    return " ".join(words), INSTRUCTIONS["cloze"].format(word=words[place]), words[place + 1]


def _line(row: Row, generator: random.Random) -> tuple[str, str, str]:
    lines = [line.strip() for line in row.text.splitlines() if line.strip()]
    place = generator.randrange(len(lines))
    return "\n".join(lines), INSTRUCTIONS["line"].format(number=place + 1), lines[place]


def _random_line(row: Row, generator: random.Random) -> tuple[str, str, str]:
    text, _, _ = _random(row, generator)
    return text, INSTRUCTIONS["random-line"].format(number=1), text


def _summarize(row: Row, _generator: random.Random) -> tuple[str, str, str]:
    if row.summary is None:
        raise InputError(f"row {row.id!r} has no summary, so it cannot teach summarizing")
    return row.text, INSTRUCTIONS["summarize"], row.summary


TASKS: Mapping[str, Maker] = {
    "summarize": _summarize,
    "read": _read,
    "random": _random,
    "shuffled": _shuffled,
    "first-sentence": _first_sentence,
    "line": _line,
    "random-line": _random_line,
    "cloze": _cloze,
    "title": _title,
}

ANSWERED = ("summarize", "first-sentence", "line", "random-line", "cloze", "title")
"""Tasks whose answer is something else than all that stands on the page."""

LINES = ("line", "random-line")
"""Tasks whose answer is a line: of the page where lines are kept, else of the text."""

NEW_EACH_TIME = ("random", "random-line", "shuffled")
"""Tasks whose pages are others in each epoch, so that a cache of pages would never see one twice."""


def check_tasks(shares: Mapping[str, float]) -> None:
    """Refuse unknown tasks and shares that cannot be.

    Raises:
        SettingsError: names the task.
    """
    unknown = sorted(set(shares) - set(TASKS))
    if unknown:
        raise SettingsError(f"no task {', '.join(unknown)}; known: {', '.join(TASKS)}", field="tasks")
    if any(share < 0 for share in shares.values()) or not sum(shares.values()) > 0:
        raise SettingsError("shares of tasks must not be negative, nor all zero", field="tasks")


def generator_for(*key: object) -> random.Random:
    """Return a generator that depends on `key` alone, so that the same row in the same epoch is always the same."""
    digest = hashlib.blake2b(repr(key).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))


BEHIND_TRANSCRIPT = "\n\n"
"""Parts what was read from the answer; in neither is there an empty line."""


def transcript(text: str, pages: Sequence[Page] = ()) -> str:
    """Return what stands on pages as it is to be read: one line, or those of `pages` where they are given and know them."""
    if not pages or not all(page.lines for page in pages):
        return " ".join(text.split())
    normal = normalize_text(text)  # what the pages' lines refer to
    lines = (" ".join(normal[start:end].split()) for page in pages for start, end in page.lines)
    return "\n".join(line for line in lines if line)


def reading_first(instruction: str, read: str, answer: str) -> tuple[str, str]:
    """Return instruction and answer with a transcript of the page in front.

    A decoder copies from what it has written far more easily than from what it sees; and what it read can be checked.
    """
    return f"{READ} {instruction}", f"{read}{BEHIND_TRANSCRIPT}{' '.join(answer.split())}"


def lengths(row: Row, task: str, generator: random.Random, wishes: Wishes, *, line: int) -> tuple[int, int]:
    """Return the characters on the page and in the answer of `make_example` with the same generator, but nothing is drawn.

    `line` is the most that a line of a page holds, where only the page knows it.
    """
    text, instruction, answer = TASKS[task](row, generator)
    first = _reads_first(task, wishes, generator)
    characters = len(text) if instruction == READ else len(answer)
    if task in LINES and wishes.keep_lines:
        characters = min(characters, line)
    return len(text), characters + (len(text) if first else 0)


def _reads_first(task: str, wishes: Wishes, generator: random.Random) -> bool:
    return bool(task in ANSWERED and wishes.read_first and generator.random() < wishes.read_first)


def make_example(
    row: Row,
    task: str,
    renderer: Renderer,
    generator: random.Random,
    encoded_pages: tuple[EncodedPage, ...] | None = None,
    *,
    pages: tuple[Page, ...] = (),
    wishes: Wishes = NO_WISHES,
) -> Example:
    """Return a row as an example of `task`, its pages drawn, unless they come with it, as pictures or encoded.

    Raises:
        InputError: the row has no summary to learn, or a character that no font draws.
    """
    text, instruction, answer = TASKS[task](row, generator)
    first = _reads_first(task, wishes, generator)
    document = Document(id=row.id, text=text, language=row.language)
    drawn: tuple[Page, ...] = ()
    if not (pages or encoded_pages) or (wishes.keep_lines and (first or instruction == READ or task in LINES)):
        drawn = tuple(renderer.render(document))
    read = transcript(text, drawn if wishes.keep_lines else ())
    if task in LINES and wishes.keep_lines:
        lines = read.split("\n")
        place = generator.randrange(len(lines))
        instruction, answer = INSTRUCTIONS["line"].format(number=place + 1), lines[place]
    if first:
        instruction, answer = reading_first(instruction, read, answer)
    elif instruction == READ:
        answer = read
    return Example(
        id=row.id,
        pages=() if encoded_pages else pages or drawn,
        encoded_pages=encoded_pages or (),
        instruction=instruction,
        summary=answer,
        text=text,
        language=row.language,
        source=row.source,
    )


def shorten(row: Row, longest: int | None, generator: random.Random) -> Row:
    """Return the row with a stretch of its text of a random length up to `longest` characters; whole without a limit."""
    if longest is None:
        return row
    length = generator.randint(max(4, longest // 3), longest)
    return replace(row, text=crop_words(row.text, length, generator)) if len(row.text) > length else row
