import pytest

from deepsynth.data.languages import contradicts, detect

TEXTS = {
    "en": "The keeper of the lighthouse lights the lamp each evening and writes the strength of the wind into a large book. When a storm comes, he rings the bell, and the boats come home before the night falls over the water.",
    "de": "Der Wärter des Leuchtturms zündet jeden Abend die Lampe an und schreibt die Stärke des Windes in ein großes Buch. Wenn ein Sturm kommt, läutet er die Glocke, und die Boote kehren heim, bevor die Nacht über das Wasser fällt.",
    "ru": "Смотритель маяка зажигает лампу каждый вечер и записывает силу ветра в большую книгу. Когда приходит буря, он звонит в колокол, и лодки возвращаются домой прежде, чем ночь опускается на воду и на спящий город.",
    "ja": "灯台守は毎晩ランプに火をともし、風の強さを大きな帳面に書きつける。嵐が来ると鐘を鳴らし、夜が海に降りる前に船は港へ帰ってくる。"
    * 4,
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_long_text_shows_its_language(language):
    assert detect(TEXTS[language]) == language
    assert contradicts(TEXTS[language], f"{language}-XX") is None
    assert contradicts(TEXTS[language], "fr") == language


@pytest.mark.parametrize("text", ["hello", TEXTS["en"][:150], "x = 3; " * 100])
def test_a_short_or_doubtful_text_proves_nothing(text):
    assert contradicts(text, "fr") is None


@pytest.mark.parametrize("language", ["und", "tlh"])
def test_a_language_that_nobody_can_tell_is_not_contradicted(language):
    assert contradicts(TEXTS["en"], language) is None


@pytest.mark.parametrize(
    ("found", "said"), [("ms", "id"), ("id", "ms"), ("nn", "nb"), ("hr", "sr"), ("yue", "zh-Hant")]
)
def test_twins_are_not_held_against_one_another(monkeypatch, found, said):
    monkeypatch.setattr("deepsynth.data.languages.detect", lambda text: found)
    assert contradicts("a text", said) is None
    assert contradicts("a text", "fr") == found
