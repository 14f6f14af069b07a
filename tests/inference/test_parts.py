from hypothesis import given
from hypothesis import strategies as st

from deepsynth.inference.parts import nearest_parts, sentences, share_out, split_text, written_from


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(50, 200), st.none() | st.integers(1, 5))
def test_every_item_stands_in_one_range_within_the_budget(costs, budget, most):
    ranges = share_out(costs, budget, most)
    assert [number for part in ranges for number in part] == list(range(len(costs)))
    assert all(sum(costs[part.start : part.stop]) <= budget for part in ranges)
    assert all(len(part) <= (most or len(costs)) for part in ranges)


def test_ranges_are_few_and_even():
    assert [len(part) for part in share_out([21] * 10, 8 * 21)] == [5, 5]
    assert [len(part) for part in share_out([21] * 10, 100 * 21)] == [10]
    assert [len(part) for part in share_out([21] * 7, 1000, most=3)] == [3, 3, 1]
    assert share_out([500, 1], 100) == [range(1), range(1, 2)]
    assert share_out([], 100) == []


@given(st.text(max_size=300), st.integers(1, 50))
def test_pieces_of_a_text_join_to_it_and_fit(text, budget):
    pieces = split_text(text, budget, len)
    assert "".join(pieces) == text
    assert all(len(piece) <= budget for piece in pieces)


def test_a_text_is_cut_between_words():
    pieces = split_text("tide " * 40, 50, len)
    assert all(piece.endswith(" ") for piece in pieces)


def test_sentences_end_at_their_marks():
    assert sentences("One. Two! 三。 Four?\n\nFive") == ["One.", "Two!", "三。", "Four?", "Five"]


def test_a_sentence_of_one_prompt_names_its_pages_for_certain():
    assert [(item.sentence, item.pages, item.basis) for item in written_from("One. Two.", (3, 4))] == [
        ("One.", (3, 4), "prompt"),
        ("Two.", (3, 4), "prompt"),
    ]


def test_a_sentence_written_from_parts_names_the_part_it_shares_words_with():
    parts = [("The lamp was lit.", (0, 1)), ("Ropes were sold.", (2,))]
    found = nearest_parts("They sold ropes. A lamp burned. Nothing!", parts)
    assert [(item.pages, item.basis) for item in found] == [((2,), "words"), ((0, 1), "words"), ((0, 1, 2), "prompt")]
