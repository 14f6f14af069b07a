import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.tasks import INSTRUCTIONS, Row
from deepsynth.evaluation.frontier_rows import longest_transcript, page_texts, shuffle_words, to_summarize


def words(text: str) -> int:
    return len(text.split())


def test_pages_hold_about_as_many_tokens_as_asked_and_no_text_twice():
    rows = [Row(id=str(n), text=" ".join(f"w{10 * n + k}" for k in range(10))) for n in range(6)]
    pages = list(page_texts(rows, 7, 5, words))
    assert [words(page) for page in pages] == [7] * 5
    seen = [word for page in pages for word in page.split()]
    assert len(seen) == len(set(seen))


def test_a_page_that_cannot_be_filled_is_not_made():
    rows = [Row(id="a", text="one two three four five")]
    assert list(page_texts(rows, 3, 9, words)) == ["one two three"]
    assert list(page_texts(rows, 9, 9, words)) == []


def test_a_transcript_may_be_a_quarter_longer_than_its_page_where_the_decoder_holds_it():
    assert longest_transcript(800, 903, 8192) == 1008
    assert longest_transcript(6420, 903, 8192) == 8192 - 903 - 64
    with pytest.raises(
        InputError, match="903 visual tokens and its 7300 text tokens do not fit into the decoder's 8192"
    ):
        longest_transcript(7300, 903, 8192)


def test_shuffled_words_are_the_same_words_in_an_order_that_the_seed_decides():
    text = " ".join(f"w{number}" for number in range(20))
    mixed = shuffle_words(text, "0:1")
    assert mixed != text
    assert sorted(mixed.split()) == sorted(text.split())
    assert mixed == shuffle_words(text, "0:1") != shuffle_words(text, "0:2")


def test_a_row_is_summarized_from_its_text_where_it_has_no_pages():
    row = Row(id="a", text="The lamp stands.", summary="a lamp", language="en")
    whole, cut = to_summarize(row, ()), to_summarize(row, (), "The lamp")
    assert (whole.text, cut.text) == ("The lamp stands.", "The lamp")
    assert (whole.instruction, whole.summary, whole.language) == (INSTRUCTIONS["summarize"], "a lamp", "en")
