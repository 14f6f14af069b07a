import sys

import pytest

from deepsynth.core.errors import MissingExtraError
from deepsynth.rendering import hyphenation
from deepsynth.rendering.hyphenation import FEWEST_BEFORE, FEWEST_BEHIND, hyphenator

ENGLISH = hyphenator("en-US")


@pytest.mark.parametrize(
    ("language", "word", "expected"),
    [
        ("en-US", "hyphenation", ["hyphen", "hy"]),
        ("en-GB", "(hyphenation,", ["(hyphen", "(hy"]),
        ("de", "Donaudampfschiff", ["Donaudampf", "Donau"]),
        ("ru", "переносить", ["перено", "пере"]),
    ],
)
def test_the_patterns_of_the_language_decide(language, word, expected):
    found = [word[:place] for place in hyphenator(language).places(word)]
    assert [part for part in found if part in expected] == expected
    assert found == sorted(found, key=len, reverse=True)


@pytest.mark.parametrize("word", ["", "12345678", "abc", "under_scored_name", "well-known", "https://example.org"])
def test_codes_numbers_and_short_words_stay_whole(word):
    assert ENGLISH.places(word) == []


def test_a_few_letters_stay_on_each_side():
    for word in ("abandonment", "eleven", "ideology", "already", "university"):
        places = ENGLISH.places(word)
        assert all(FEWEST_BEFORE <= place <= len(word) - FEWEST_BEHIND for place in places)


def test_places_that_would_change_the_spelling_are_left_out():
    hungarian = hyphenator("hu")  # its doubled digraphs are written out on both sides of a hyphen
    word = "asszonnyal"
    assert all(not getattr(place, "data", None) for place in hungarian.places(word))
    assert len(hungarian.places(word)) < len(hungarian._patterns.positions(word))


def test_languages_without_patterns_have_no_hyphenator():
    assert hyphenator("und") is None
    assert hyphenator("zh") is None


def test_what_is_remembered_stays_bounded(monkeypatch):
    monkeypatch.setattr(hyphenation, "_KNOWN_WORDS", 10)
    for number in range(100):
        ENGLISH.places("hyphen" + "abcdefghij"[number // 10] + "abcdefghij"[number % 10])
    assert len(ENGLISH._patterns.hd.cache) <= 11


def test_a_missing_extra_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyphen", None)
    with pytest.raises(MissingExtraError, match="hyphenation"):
        hyphenation.hyphenator.__wrapped__("en")
