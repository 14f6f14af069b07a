import pytest

from deepsynth.evaluation.grounding import (
    DocumentIndex,
    copied_spans,
    names,
    novelty,
    numbers,
    repetition,
    unsupported,
)

TEXT = "On Monday the harbor of Brest measured 1,250 boats and 42.5 cm of tide. The tide warns boats."


def index(text: str) -> DocumentIndex:
    return DocumentIndex(text, text.lower().split())


@pytest.mark.parametrize(
    ("words", "size", "expected"),
    [("the red tide", 1, 100 / 3), ("the red tide", 2, 100), ("see the", 2, 0), ("the", 2, 0), ("", 1, 0)],
)
def test_novelty_counts_what_the_document_does_not_hold(words, size, expected):
    assert novelty(words.split(), index("see the tide"), size) == pytest.approx(expected)


def test_repetition_counts_grams_that_came_before():
    assert repetition("a b c d a b c d".split()) == pytest.approx(100 * 1 / 5)  # noqa: SIM905
    assert repetition("a b c d e f".split()) == 0  # noqa: SIM905
    assert repetition([]) == 0


@pytest.mark.parametrize(
    ("words", "spans", "coverage", "density"),
    [
        ("a b c", (3,), 100, 3),
        ("a b x c d", (2, 2), 80, 8 / 5),
        ("d c b a", (1, 1, 1, 1), 100, 1),
        ("x y", (), 0, 0),
        ("", (), 0, 0),
    ],
)
def test_copied_spans_equal_hand_computed_ones(words, spans, coverage, density):
    copied = copied_spans(words.split(), index("a b c d"))
    assert copied.spans == spans
    assert copied.coverage == pytest.approx(coverage)
    assert copied.density == pytest.approx(density)


def test_the_longest_run_wins_wherever_it_stands():
    assert copied_spans("a b c".split(), index("a b x a b c")).spans == (3,)  # noqa: SIM905


def test_thousands_may_be_grouped_in_any_way():
    assert numbers("1,250 and 1250, 1’250, 42.5, 3,14 and 2026-11") == [
        "1250",
        "1250",
        "1250",
        "42.5",
        "3,14",
        "2026",
        "11",
    ]


def test_names_are_capitals_that_open_no_sentence():
    assert names("The tide of Brest rose. Boats left for Le Havre, says deepSynth.") == [
        "Brest",
        "Le",
        "Havre",
        "deepSynth",
    ]
    assert names("In «Лодка» plays Ахматова. Она ушла") == ["Лодка", "Ахматова"]
    assert names("水位を読む。") == []


@pytest.mark.parametrize(
    ("summary", "missing_numbers", "missing_names"),
    [
        ("Brest counted 1250 boats, 42.5 cm.", [], []),
        ("In Brest and Nantes 12 boats; Nantes again 12.", ["12"], ["Nantes"]),
        ("On monday nothing.", [], []),
        ("", [], []),
    ],
)
def test_unsupported_are_the_numbers_and_names_that_the_document_lacks(summary, missing_numbers, missing_names):
    found = unsupported(summary, index(TEXT))
    assert found == {"numbers": missing_numbers, "names": missing_names}
