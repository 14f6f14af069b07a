from dataclasses import replace

import pytest

from deepsynth.core.documents import Document, Example, Page
from deepsynth.core.errors import InputError
from deepsynth.evaluation.variants import (
    Changed,
    Chosen,
    as_text,
    cut_to_tokens,
    first_pages,
    page_text,
    reading_aloud,
    with_other_pages,
)


def test_text_behind_the_last_allowed_page_is_not_held_against_the_reader(examples):
    page = replace(examples[0].pages[0], span=(0, 8))
    assert page_text(replace(examples[0], pages=(page,), text="The lamp\r\nstands far")) == "The lamp"
    assert page_text(replace(examples[0], pages=())) == examples[0].text
    with pytest.raises(InputError, match="row 'd0' has no text"):
        page_text(replace(examples[0], text=None))


def test_other_pages_are_those_of_the_row_before(examples):
    rows = with_other_pages(examples)
    pages: list[tuple[Page, ...]] = [rows[number].pages for number in range(len(rows))]
    assert pages == [examples[number - 1].pages for number in range(len(examples))]
    assert [rows[number].summary for number in range(len(rows))] == [example.summary for example in examples]


@pytest.mark.parametrize(("tokens", "expected"), [(3, "a bb ccc"), (2, "a bb "), (1, "a "), (0, "a"), (9, "a bb ccc")])
def test_text_is_cut_to_the_longest_beginning_of_so_many_tokens(tokens, expected):
    assert cut_to_tokens("a bb ccc", tokens, lambda text: len(text.split())) == expected


def test_changes_are_made_when_a_row_is_asked_for(examples):
    asked = []
    rows = Changed(examples, lambda number, example: asked.append(number) or example)
    assert len(rows) == len(examples)
    assert rows[2] is examples[2]
    assert asked == [2]


def test_what_was_read_line_by_line_is_compared_with_the_lines_of_the_page(summarizer):
    text = "supercalifragilisticexpialidocious lamps"
    pages = summarizer.example(Document(id="a", text=text)).pages
    example = Example(id="a", pages=pages, text=text)
    assert page_text(example) == text
    start, end = pages[0].lines[0]
    assert page_text(example, keep_lines=True) == f"{text[start:end]} {text[end:]}"


def test_chosen_rows_keep_their_order(examples):
    rows = Chosen(examples, [4, 1])
    assert [rows[number].id for number in range(len(rows))] == ["d4", "d1"]
    assert all(isinstance(page, Page) for page in rows[0].pages)


def test_first_pages_keep_the_text_that_stands_on_them(summarizer):
    text = "The lamp stands in the harbor and warns boats of the tide. " * 8
    pages = summarizer.example(Document(id="a", text=text)).pages
    assert len(pages) > 1
    first = first_pages(Example(id="a", pages=pages, text=text), 1)
    assert (first.pages, first.text) == (pages[:1], text[: pages[0].span[1]])
    assert first_pages(Example(id="a", pages=pages), 1).text is None


def test_an_answer_that_starts_with_the_reading_needs_both_text_and_summary(examples):
    changed = reading_aloud(examples[0], keep_lines=False)
    assert changed.summary == f"{' '.join(examples[0].text.split())}\n\n{examples[0].summary}"
    assert changed.instruction != examples[0].instruction
    for lacking in (replace(examples[0], text=None), replace(examples[0], summary=None)):
        assert reading_aloud(lacking, keep_lines=False) is lacking


def test_a_row_without_text_cannot_be_read_as_text(examples):
    rows = as_text([replace(examples[0], text=None)], lambda _, text: text)
    with pytest.raises(InputError, match="row 'd0' has no text to read"):
        rows[0]
