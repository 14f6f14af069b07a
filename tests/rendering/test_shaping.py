import json
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest

from deepsynth.rendering.fonts import SANS, open_face
from deepsynth.rendering.shaping import GLYPH_CODES, STEPS, Shaper, Style, harfbuzz_buffer

FAMILY = "👨\u200d👩\u200d👧"
SHAPER = Shaper("sans", "und")
TEXTS = json.loads((Path(__file__).parents[1] / "assets" / "languages.json").read_text(encoding="utf-8"))


def test_joined_emoji_become_one_glyph():
    assert len(SHAPER.shape(FAMILY).codes) == 1


def test_arabic_letters_join():
    alone = [SHAPER.shape(letter, rtl=True).codes for letter in "محمد"]
    word = SHAPER.shape("محمد", rtl=True).codes
    assert len(word) == sum(map(len, alone))
    assert set(word) != set(np.concatenate(alone))


def test_a_code_leads_back_to_its_glyph():
    face = open_face(SANS)
    glyph = face.font.get_nominal_glyph(ord("x"))
    for scale in (1.0, 1.25):
        code = int(SHAPER.shape("x", Style(scale=scale)).codes[0])
        assert GLYPH_CODES.glyph(code) == (face, glyph, scale)


def test_scale_multiplies_every_length():
    plain, large = SHAPER.shape("Tag").facts[0], SHAPER.shape("Tag", Style(scale=2.0)).facts[0]
    assert large == pytest.approx(2 * plain, abs=2 / STEPS)


def test_invisible_characters_take_no_room():
    assert SHAPER.shape("a\u200eb").facts[0, 0] == SHAPER.shape("ab").facts[0, 0]


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("font", ["sans", "mono"])
def test_words_learned_together_equal_words_shaped_alone(language, font):
    words = list(
        dict.fromkeys(TEXTS[language].split() + (list(TEXTS[language]) if language in ("zh", "ja", "ko") else []))
    )
    if language == "en":
        words += sorted(set(" ".join(topics.values()).split()))[::7]
    rtl = language in ("ar", "he")
    shaper = Shaper(font, language)
    learned = 0
    for together, shaped in shaper.shape_together(words, rtl=rtl):
        learned += len(together)
        ends = np.cumsum(shaped.counts)
        for number, word in enumerate(together):
            alone, glyphs = shaper.shape(word, rtl=rtl), slice(ends[number] - shaped.counts[number], ends[number])
            assert (alone.codes == shaped.codes[glyphs]).all(), word
            assert alone.places == pytest.approx(shaped.places[glyphs], abs=1e-12), word
            assert (alone.facts[0] == shaped.facts[number]).all(), word
    assert learned or language == "emoji"


def test_text_without_a_language_does_not_take_that_of_the_machine():
    buffer = harfbuzz_buffer("if", open_face(SANS), "", rtl=False)
    assert (buffer.language, buffer.script) == ("und", "Latn")
