import unicodedata

import pytest

from deepsynth.rendering.bidi_classes import CODES, LETTERS, base_level


def test_each_class_has_its_own_letter():
    assert len(set(LETTERS.values())) == len(LETTERS)


@pytest.mark.parametrize("character", "aא\u06271٣+,.$ \t()\u0300\u202e\u2067")
def test_a_text_becomes_the_letters_of_its_classes(character):
    assert character.translate(CODES) == LETTERS[unicodedata.bidirectional(character)]


def test_a_character_that_unicode_has_not_assigned_counts_as_left_to_right():
    assert unicodedata.bidirectional("\u0378") == ""
    assert "\u0378".translate(CODES) == "L"


@pytest.mark.parametrize(
    ("classes", "level"), [("", 0), ("wwo", 0), ("EL", 0), ("oR", 1), ("A", 1), ("xRqL", 0), ("xR", 0)]
)
def test_the_first_strong_class_outside_isolates_sets_the_level(classes, level):
    assert base_level(classes) == level
