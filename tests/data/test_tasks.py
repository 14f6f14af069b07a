import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.data.tasks import (
    ANSWERED,
    TASKS,
    Row,
    Wishes,
    check_tasks,
    crop_words,
    generator_for,
    lengths,
    make_example,
    shorten,
    transcript,
)
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import make_renderer

TEXT = "Tidewatch reads the gauge. It warns of floods.\nThe log keeps past storms."
ROW = Row(id="r", text=TEXT, summary="flood alarm")
RENDERER = make_renderer(RenderConfig())


def made(task: str, seed: int = 0):
    return make_example(ROW, task, RENDERER, random.Random(seed))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_gives_an_example_with_a_page_an_instruction_and_an_answer(task):
    example = made(task)
    assert example.pages
    assert example.instruction
    assert example.summary


def test_reading_answers_with_the_text_on_the_page():
    assert made("read").summary == made("read").text == " ".join(TEXT.split())


def test_random_letters_have_nothing_of_the_text():
    example = made("random")
    assert example.summary == example.text
    assert "Tidewatch" not in example.summary
    assert made("random", seed=1).summary != example.summary


def test_shuffled_words_are_the_same_words():
    words = made("shuffled").summary.split()
    assert sorted(words) == sorted(TEXT.split())
    assert words != TEXT.split()


def test_extractive_answers_stand_in_the_text():
    assert made("first-sentence").summary == "Tidewatch reads the gauge."
    line = made("line")
    number = int(line.instruction.removeprefix("Line ").removesuffix("."))
    assert line.summary == TEXT.splitlines()[number - 1]
    cloze = made("cloze")
    word = cloze.instruction.removeprefix("Word after ").removesuffix(".")
    words = TEXT.split()
    assert cloze.summary == words[words.index(word) + 1]


def test_a_row_without_summary_cannot_teach_summarizing():
    with pytest.raises(InputError, match="row 'r' has no summary"):
        make_example(Row(id="r", text=TEXT), "summarize", RENDERER, random.Random(0))


@pytest.mark.parametrize("shares", [{"sing": 1.0}, {"read": 0.0}, {"read": -1.0, "random": 2.0}])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(SettingsError):
        check_tasks(shares)


@given(st.text("ab \n", min_size=1).filter(str.strip), st.integers(4, 40), st.integers(0, 99))
def test_a_stretch_is_whole_words_and_no_longer_than_asked(text, longest, seed):
    found = crop_words(text, longest, random.Random(seed))
    assert 0 < len(found) <= longest
    assert len(found) == longest or found in " ".join(text.split())


def test_short_texts_are_left_whole():
    assert shorten(ROW, None, random.Random(0)) is ROW
    assert shorten(Row(id="r", text="abc"), 40, random.Random(0)).text == "abc"


def test_generators_depend_on_their_key_alone():
    assert generator_for(1, "a").random() == generator_for(1, "a").random() != generator_for(2, "a").random()


@pytest.mark.parametrize("task", TASKS)
def test_an_answer_may_start_with_the_page(task):
    plain = made(task)
    example = make_example(ROW, task, RENDERER, random.Random(0), wishes=Wishes(read_first=1.0))
    if task not in ANSWERED:
        assert (example.instruction, example.summary) == (plain.instruction, plain.summary)
        return
    transcript, answer = example.summary.split("\n\n")
    assert example.instruction == f"Read. {plain.instruction}"
    assert (transcript, answer) == (" ".join(plain.text.split()), plain.summary)


def test_some_answers_start_with_the_page_when_a_share_of_them_shall():
    first = [
        make_example(ROW, "summarize", RENDERER, random.Random(seed), wishes=Wishes(read_first=0.5)).summary
        for seed in range(60)
    ]
    assert 15 < sum("\n" in answer for answer in first) < 45


LONG = Row(
    id="long", text="The harbor light is lit at dusk by whoever comes first, and put out at dawn.", summary="A light."
)
KEEP = Wishes(read_first=1.0, keep_lines=True)


def lines_on(example):
    """The lines of the page, by the spans that the renderer gives."""
    (page,) = RENDERER.render(Document(id="long", text=example.text))
    return [example.text[start:end].strip() for start, end in page.lines]


@pytest.mark.parametrize("task", ["read", "shuffled", "random"])
def test_reading_may_keep_the_lines_of_the_page(task):
    example = make_example(LONG, task, RENDERER, random.Random(0), wishes=KEEP)
    assert example.summary == "\n".join(lines_on(example))
    assert example.summary.count("\n") >= 1
    assert "".join(example.summary.split()) == "".join(example.text.split())


def test_a_title_leaves_little_words_out():
    example = make_example(LONG, "title", RENDERER, random.Random(0))
    assert (example.instruction, example.summary) == ("Title.", "harbor light dusk whoever comes first")
    without = make_example(replace(LONG, text="it is so, or not"), "title", RENDERER, random.Random(0))
    assert (without.instruction, without.summary) == ("Read.", "it is so, or not")


def test_what_is_read_before_an_answer_may_keep_the_lines_of_the_page():
    example = make_example(LONG, "summarize", RENDERER, random.Random(0), wishes=KEEP)
    assert example.summary == "\n".join(lines_on(example)) + "\n\nA light."


def test_lines_are_those_of_the_page_when_they_are_kept():
    wishes = Wishes(keep_lines=True)
    asked = {
        (example.instruction, example.summary)
        for example in (make_example(LONG, "line", RENDERER, random.Random(seed), wishes=wishes) for seed in range(60))
    }
    lines = lines_on(make_example(LONG, "read", RENDERER, random.Random(0)))
    assert asked == {(f"Line {number}.", line) for number, line in enumerate(lines, 1)}


def test_lines_are_found_for_pages_that_are_stored():
    stored = make_example(LONG, "read", RENDERER, random.Random(0)).pages
    pages = tuple(replace(page, lines=(), span=None) for page in stored)
    example = make_example(LONG, "read", RENDERER, random.Random(0), pages=pages, wishes=KEEP)
    assert example.pages is pages
    assert example.summary == "\n".join(lines_on(example))


@pytest.mark.parametrize("wishes", [Wishes(), Wishes(read_first=0.5), Wishes(read_first=0.5, keep_lines=True)])
@pytest.mark.parametrize("task", TASKS)
def test_lengths_are_known_without_drawing(task, wishes):
    longest = 21
    for seed in range(8):
        example = make_example(LONG, task, RENDERER, random.Random(seed), wishes=wishes)
        page, answer = lengths(LONG, task, random.Random(seed), wishes, line=longest)
        assert page == len(example.text)
        off = 0 if not wishes.keep_lines else longest if "line" in task else 4  # where lines end is not known
        assert abs(answer - len(example.summary.replace("\n\n", ""))) <= off


def test_pages_that_do_not_know_their_lines_are_read_as_one():
    (page,) = RENDERER.render(Document(id="long", text=LONG.text))
    assert transcript(LONG.text, [page]).count("\n") >= 1
    assert transcript(LONG.text, [page, replace(page, lines=())]) == transcript(LONG.text) == LONG.text
