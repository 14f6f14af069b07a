import json
from pathlib import Path

import pytest

from deepsynth.evaluation.tokenizer import UnicodeTokenizer, sentences

TEXTS = json.loads((Path(__file__).parents[1] / "assets" / "languages.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'été arrive!", ["l", "été", "arrive"]),
        ("Größe 42-b", ["größe", "42", "b"]),
        ("水位を", ["水", "位", "を"]),
        ("수위를 읽고", ["수위를", "읽고"]),
        ("क्षत्रिय ज्ञान", ["क्षत्रिय", "ज्ञान"]),
        ("snake_case", ["snake", "case"]),
        ("", []),
    ],
)
def test_words_keep_their_letters_in_every_script(text, words):
    assert UnicodeTokenizer().tokenize(text) == words


@pytest.mark.parametrize("language", TEXTS)
def test_no_language_is_left_without_words(language):
    assert len(UnicodeTokenizer().tokenize(TEXTS[language])) >= 3


def test_sentences_end_at_marks_and_line_feeds():
    assert sentences("One is here. Two follows!\nThree") == ["One is here.", "Two follows!", "Three"]
    assert sentences("水位を読む。警報を出す。", "ja") == ["水位を読む。", "警報を出す。"]
    assert sentences("  \n ") == []
