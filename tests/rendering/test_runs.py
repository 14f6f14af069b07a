import pytest

from deepsynth.rendering.fonts import font_stack
from deepsynth.rendering.runs import face_runs, joins, leading_script


def faces(text: str) -> list[tuple[str, str]]:
    stack = font_stack("sans", "und")
    return [(stack.sources[number].name, part) for number, part in face_runs(text, stack)]


def test_runs_change_with_the_script():
    assert faces("abc עברית 日本") == [
        ("Noto Sans", "abc "),
        ("Noto Sans Hebrew", "עברית"),
        ("Noto Sans", " "),
        ("Noto Sans CJK", "日本"),
    ]


def test_joined_emoji_stay_one_run():
    family = "👨\u200d👩\u200d👧"
    assert faces(family) == [("Noto Emoji", family)]


def test_marks_and_joiners_stay_with_the_letter_before_them():
    assert [character for character in "e\u0301\u200d\u05b7a1 " if joins(character)] == ["\u0301", "\u200d", "\u05b7"]
    assert faces("水\u0301\u200d") == [("Noto Sans CJK", "水\u0301\u200d")], "its face can draw them"
    assert [part for _, part in faces("ע\u0301")] == ["ע", "\u0301"], "its face has no such mark"


@pytest.mark.parametrize(
    ("word", "script"),
    [("tide", "latin"), ("(1)прилив", "cyrillic"), ("水位", "han"), ("12", ""), ("", ""), ("—", ""), ("\u0301a", "")],
)
def test_the_script_is_that_of_the_first_letter(word, script):
    assert leading_script(word) == script
