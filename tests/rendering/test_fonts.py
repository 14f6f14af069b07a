import unicodedata

import pytest

from deepsynth.core.errors import MissingExtraError
from deepsynth.rendering.fonts import (
    MONO,
    PRIMARY,
    SANS,
    FaceSource,
    FontStack,
    font_stack,
    missing_glyph_error,
    open_face,
    package_with,
)

SAMPLES = {
    "Noto Sans Arabic": "العربية",
    "Noto Sans Armenian": "հայերեն",
    "Noto Sans Bengali": "বাংলা",
    "Noto Sans Devanagari": "हिन्दी",
    "Noto Sans Ethiopic": "አማርኛ",
    "Noto Sans Georgian": "ქართული",
    "Noto Sans Gujarati": "ગુજરાતી",
    "Noto Sans Gurmukhi": "ਪੰਜਾਬੀ",
    "Noto Sans Hebrew": "עברית",
    "Noto Sans Kannada": "ಕನ್ನಡ",
    "Noto Sans Khmer": "ខ្មែរ",
    "Noto Sans Lao": "ລາວ",
    "Noto Sans Malayalam": "മലയാളം",
    "Noto Sans Myanmar": "မြန်မာ",
    "Noto Sans Oriya": "ଓଡ଼ିଆ",
    "Noto Sans Sinhala": "සිංහල",
    "Noto Sans Tamil": "தமிழ்",
    "Noto Sans Telugu": "తెలుగు",
    "Noto Sans Thai": "ไทย",
    "Noto Sans CJK": "日本語のテキスト中文한국어",
    "Noto Emoji": "😀🎉",
}


@pytest.mark.parametrize("face", SAMPLES)
@pytest.mark.parametrize("font", ["mono", "sans"])
def test_a_script_is_drawn_by_its_own_face(font, face):
    stack = font_stack(font, "und")
    names = {stack.sources[stack.table[ord(character)]].name for character in SAMPLES[face]}
    assert names == {face}


@pytest.mark.parametrize(("font", "source"), [("mono", MONO), ("sans", SANS)])
def test_latin_greek_and_cyrillic_are_drawn_by_the_chosen_face(font, source):
    stack = font_stack(font, "und")
    assert {stack.sources[stack.table[ord(letter)]] for letter in "Aé ß09.,—ΩяЖ"} == {source}


def test_the_bundled_mono_face_has_one_width():
    face = open_face(MONO)
    widths = {face.font.get_glyph_h_advance(face.font.get_nominal_glyph(ord(letter))) for letter in "iWm.0Я"}
    assert len(widths) == 1


def test_regional_faces_differ_by_language():
    assert font_stack("mono", "ja").sources != font_stack("mono", "ko").sources


def test_unassigned_and_private_characters_are_missing():
    assert font_stack("mono", "und").missing("a\ue000b\u0378a\ue000") == ["\ue000", "\u0378"]


@pytest.mark.parametrize(
    ("character", "reason"),
    [
        ("\ue000", "private-use"),
        ("\u0378", "unassigned"),
        ("\U00013000", "Debian's package fonts-noto-core has it"),
        ("\u13a0", "Debian's package fonts-noto-core has it"),
        ("\U0001cf00", "Debian's package fonts-unifont has it"),
        ("\U00011f02", "no font package that we know has it" if unicodedata.unidata_version >= "15" else "unassigned"),
    ],
)
def test_a_missing_glyph_is_named_with_its_place_and_what_would_help(character, reason):
    error = missing_glyph_error("d", "ab" + character, [character])
    assert f"U+{ord(character):04X}" in str(error)
    assert "at character 2" in str(error)
    assert reason in str(error)


def test_no_package_is_named_for_what_the_bundled_fonts_draw():
    assert all(package_with(letter) is None for letter in "aя漢म🙂")


def test_an_uninstalled_typeface_names_its_extra(monkeypatch):
    monkeypatch.setitem(PRIMARY, "serif", FaceSource("Gone", "fontpkg_gone", "files/Gone.ttf"))
    with pytest.raises(MissingExtraError, match=r"fontpkg-gone is not installed.*deepsynth\[fonts\]"):
        FontStack(PRIMARY["serif"], "und")


@pytest.mark.parametrize("font", ["serif", "literata", "inter"])
def test_more_typefaces_draw_european_text(font):
    pytest.importorskip(PRIMARY[font].package)
    stack = font_stack(font, "und")
    assert {stack.sources[stack.table[ord(letter)]] for letter in "Aé ß09.,Ωя"} == {PRIMARY[font]}
    assert stack.missing("漢字 हिन्दी العربية") == []
