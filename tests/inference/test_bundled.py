"""The model in the package really reads: facts about its weights, on lines that nobody trained it on."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.data.tasks import LETTERS, READ
from deepsynth.evaluation.metrics import character_error_rate
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing

LINES = [
    "the lamp stands",
    "seven boats at noon",
    "it counts apples",
    "il gatto dorme",
    "der Hund schläft",
    "le train arrive",
    "read the tables",
    "small music server",
]
DOCUMENT = Path(__file__).parents[2] / "examples" / "document.txt"
WRITING = Writing(max_new_tokens=200)


@pytest.fixture(scope="module")
def nano():
    return Summarizer.load()


def wrong(nano, texts, *, wiped=False):
    """Return the mean share of wrong characters, in percent."""
    examples = [nano.example(Document(id=text, text=text), READ) for text in texts]
    if wiped:
        blank = Image.new("L", examples[0].pages[0].image.size, 255)
        examples = [replace(item, pages=(replace(item.pages[0], image=blank),)) for item in examples]
    read = [summary.text for summary in nano.write(examples, writing=WRITING)]
    return sum(character_error_rate(read, texts)) / len(texts)


def letters():
    draw = random.Random(5)
    return ["".join(draw.choice(LETTERS) for _ in range(16)) for _ in range(8)]


def test_it_reads_lines_it_has_never_seen(nano):
    assert wrong(nano, LINES) < 12


def test_it_reads_letters_that_no_language_explains(nano):
    assert wrong(nano, letters()) < 15


def test_it_cannot_read_what_is_not_there(nano):
    assert wrong(nano, letters(), wiped=True) > 70


def test_it_reads_a_whole_document_line_by_line(nano):
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    (summary,) = nano.summarize(Document(id="a", text=text), instruction=READ, writing=WRITING)
    assert summary.prompts == summary.pages_used > 1
    assert sum(character_error_rate([" ".join(summary.text.split())], [text])) < 5


def test_it_reads_before_it_summarizes_and_page_by_page(nano):
    text = " ".join(["A small server that plays music."] * 8)
    (summary,) = nano.summarize(Document(id="a", text=text))
    assert summary.prompts >= summary.pages_used > 1
    assert sum(character_error_rate([" ".join(summary.transcript.split())], [text])) < 20


def test_a_page_holds_more_characters_than_it_takes_visual_tokens(nano):
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    (summary,) = nano.summarize(Document(id="a", text=text), instruction=READ, writing=WRITING)
    assert len(text) > 3 * summary.visual_tokens
