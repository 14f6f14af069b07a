import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering.normalize import normalize_text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x00b\x07c", "abc"),
        ("\ufeffa", "a"),
        ("a\ud800b", "a\ufffdb"),
        ("e\u0301", "\u00e9"),
        ("a\u200db\u202e", "a\u200db\u202e"),
        ("a\tb", "a\tb"),
    ],
)
def test_only_what_draws_nothing_goes(raw, expected):
    assert normalize_text(raw) == expected


@given(st.text(alphabet=st.characters(codec=None)))
def test_normalizing_twice_changes_nothing_more(text):
    once = normalize_text(text)
    assert normalize_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode("utf-8")


def test_every_control_in_a_clean_text_is_found():
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB, 0xD800, 0xDFFF):
        if chr(code) not in "\t\n":
            assert normalize_text(f"a{chr(code)}b") != f"a{chr(code)}b", hex(code)
