import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.inference.stopping import TextStream, is_looping
from deepsynth.inference.writing import Writing


@pytest.mark.parametrize(
    ("ids", "loops"),
    [
        ([5, 6, 7, 8] * 3, True),
        ([9] * 12, True),
        ([9] * 11, False),
        ([4, 5, 6] * 4, True),
        ([4, 5, 6] * 3, False),
        (list(range(40)) * 3, True),
        (list(range(65)) * 3, False),
        ([1, 2, 3, 4, *[5, 6, 7, 8] * 3], True),
        ([*[5, 6, 7, 8] * 3, 1], False),
        (list(range(30)), False),
        ([], False),
    ],
)
def test_a_run_that_comes_three_times_within_the_window_is_a_loop(ids, loops):
    assert is_looping(ids, Writing()) is loops


def test_the_settings_decide_what_a_loop_is():
    assert not is_looping([9] * 30, Writing(repetition_times=0))
    assert is_looping([9] * 4, Writing(repetition_ngram=2, repetition_times=2))
    assert not is_looping(list(range(40)) * 3, Writing(repetition_window=100))


def test_cells_of_a_table_may_repeat_but_not_what_stands_in_them():
    assert not is_looping([70, 71] * 12, Writing(), allowed={70, 71})
    assert is_looping([70, 5, 71] * 12, Writing(), allowed={70, 71})


def decode(ids):
    return bytes(ids).decode("utf-8", "replace")


@given(st.text(max_size=40), st.lists(st.sampled_from(["ab", "x", "é ", "\n"]), max_size=2))
def test_what_was_shown_is_never_taken_back_and_joins_to_the_text(text, stop):
    ids = list(text.encode())
    stream, shown = TextStream(decode, stop), ""
    for end in range(1, len(ids) + 1):
        shown += stream.feed(ids[:end])
        if stream.stopped:
            ids = ids[:end]
            break
    rest, whole = stream.finish(ids)
    assert shown + rest == whole
    places = [text.lstrip().find(item) for item in stop if item in text.lstrip()]
    assert whole == (text.lstrip()[: min(places)] if places else text.lstrip()).rstrip()


def test_half_a_character_and_the_beginning_of_a_stop_text_are_held_back():
    stream = TextStream(decode, ["END"])
    assert stream.feed(list("é".encode()[:1])) == ""
    assert stream.feed(list("é".encode())) == "é"
    assert stream.feed(list("éE".encode())) == ""
    assert stream.feed(list("éEx".encode())) == "Ex"
    assert stream.feed(list("éEx END".encode())) == ""
    assert stream.stopped
    assert stream.finish(list("éEx END".encode())) == ("", "éEx")
