"""Examples of the annex itself (UAX #9, section 4 and the notes to its rules), and properties that always hold.

In the older notation capitals stand for right-to-left letters; here they are Hebrew letters.
"""

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering.bidi import bidi_levels, levels_of_classes, needs_bidi, visual_runs
from deepsynth.rendering.bidi_classes import LETTERS

OFFICIAL = Path(__file__).parents[1] / "assets" / "unicode"

CLASSES = "aא\u06271٣+-,.$% \t()[]!\u0300\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def hebrew(text: str) -> str:
    return "".join(chr(0x5D0 + ord(letter) - ord("A")) if letter.isupper() else letter for letter in text)


def drawn(text: str, base: int | None = None) -> str:
    """The characters in the order they are drawn, with brackets mirrored and controls left out."""
    text = hebrew(text)
    _, levels = bidi_levels(text, base)
    mirrored = str.maketrans("()<>[]", ")(><][")
    line = ""
    for start, end, level in visual_runs(levels, 0, len(text)):
        part = text[start:end]
        line += part[::-1].translate(mirrored) if level % 2 else part
    back = "".join(chr(ord("A") + ord(letter) - 0x5D0) if "א" <= letter <= "ת" else letter for letter in line)
    return "".join(
        letter for letter in back if not "\u202a" <= letter <= "\u202e" and not "\u2066" <= letter <= "\u2069"
    )


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("car means CAR.", 0, "car means RAC."),
        ("CAR MEANS car.", 1, ".car SNAEM RAC"),
        ("he said \u2067CAR means CAR\u2069.", 0, "he said RAC means RAC."),
        ("ABC 123 DEF", 1, "FED 123 CBA"),
        ("abc DEF 123 ghi", 0, "abc 123 FED ghi"),
        ("AB (cd) EF", 1, "FE (cd) BA"),
        ("ab(CD[&ef]!)gh", 0, "ab(DC[&ef]!)gh"),
        ("AB 12.5$ CD", 1, "DC 12.5$ BA"),
        ("\u202eabc", 0, "cba"),
        ("abc\u202bDEF ghi\u202c", 0, "abcghi FED"),
    ],
)
def test_lines_are_drawn_as_the_annex_says(text, base, expected):
    assert drawn(text, base) == expected


@pytest.mark.parametrize(
    ("text", "base"), [("abc", 0), ("ABC", 1), ("12 ABC", 1), ("\u2067ABC\u2069 x", 0), ("...", 0)]
)
def test_the_first_strong_letter_outside_isolates_sets_the_base(text, base):
    assert bidi_levels(hebrew(text))[0] == base


@given(st.text(CLASSES, max_size=40))
def test_each_character_is_drawn_exactly_once(text):
    _, levels = bidi_levels(text)
    runs = visual_runs(levels, 0, len(text))
    assert sorted(index for start, end, _ in runs for index in range(start, end)) == list(range(len(text)))
    assert all(0 <= level <= 126 for level in levels)


@given(st.text(CLASSES, max_size=40), st.sampled_from([0, 1]))
def test_levels_never_fall_below_the_base(text, base):
    assert all(level >= base for level in bidi_levels(text, base)[1])


@given(st.text("abc 123.,()-é", max_size=40))
def test_text_without_right_to_left_letters_keeps_its_order(text):
    assert not needs_bidi(text)
    assert visual_runs(bidi_levels(text, 0)[1], 0, len(text)) in ([], [(0, len(text), 0)])


def lines_of(name: str) -> Iterator[str]:
    with lzma.open(OFFICIAL / f"{name}.txt.xz", "rt", encoding="utf-8") as file:
        yield from (line for line in (raw.partition("#")[0].strip() for raw in file) if line)


def agrees(levels, expected: list[str], order: list[str]) -> bool:
    """Tell whether levels and the drawing order are the official ones; `x` marks what the algorithm removes."""
    kept = [index for index, level in enumerate(expected) if level != "x"]
    runs = visual_runs([levels[index] for index in kept], 0, len(kept))
    drawn = [index for a, b, level in runs for index in (reversed(range(a, b)) if level % 2 else range(a, b))]
    same_levels = all(int(expected[index]) == levels[index] for index in kept)
    return same_levels and [kept[index] for index in drawn] == [int(index) for index in order]


def check_characters(every: int) -> int:
    count = 0
    for number, line in enumerate(lines_of("BidiCharacterTest")):
        if number % every:
            continue
        codes, direction, paragraph, expected, order = line.split(";")
        text = "".join(chr(int(code, 16)) for code in codes.split())
        found, levels = bidi_levels(text, {"0": 0, "1": 1, "2": None}[direction])
        assert found == int(paragraph), line
        assert agrees(levels, expected.split(), order.split()), line
        count += 1
    return count


def check_classes(every: int) -> int:
    expected, order, count = list[str](), list[str](), 0
    for number, line in enumerate(lines_of("BidiTest")):
        if line.startswith("@"):
            name, _, values = line.partition(":")
            expected, order = (values.split(), order) if name == "@Levels" else (expected, values.split())
        elif number % every == 0:
            classes, _, bits = line.partition(";")
            types = classes.split()
            for bit, base in ((1, None), (2, 0), (4, 1)):
                if int(bits, 16) & bit:
                    _, levels = levels_of_classes("".join(map(LETTERS.__getitem__, types)), " " * len(types), base)
                    assert agrees(levels, expected, order), (line, base)
                    count += 1
    return count


def test_a_sample_of_the_official_cases_holds():
    assert check_characters(every=61) > 1000
    assert check_classes(every=251) > 1000


@pytest.mark.slow
def test_every_official_case_by_characters_holds():
    assert check_characters(every=1) > 90_000


@pytest.mark.slow
def test_every_official_case_by_classes_holds():
    assert check_classes(every=1) > 700_000
