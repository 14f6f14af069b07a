import pytest

from deepsynth.data.sources.debian.rules import MAX_PER_SOURCE, drop_repeats, why_dropped
from deepsynth.data.sources.debian.stanzas import Description
from deepsynth.data.wording import count_words, letters

TEXT = "The lamp stands at the end of the pier and burns from dusk until the morning comes so that boats find home."


def item(**values) -> Description:
    defaults = {
        "package": "lamp",
        "source": "lamp",
        "language": "en",
        "summary": "light for late boats",
        "document": TEXT,
        "is_meta": False,
    }
    return Description(**defaults | values)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"is_meta": True}, "meta-package"),
        ({"summary": "transitional dummy package"}, "meta-package"),
        ({"package": "lamp-dbg"}, "meta-package"),
        ({"document": TEXT + " \ufffd"}, "broken-text"),
        ({"document": "A few words."}, "short-document"),
        ({"summary": "a light"}, "short-summary"),
        ({"summary": TEXT[:80]}, "low-compression"),
        ({"language": "fr"}, "not-translated"),
    ],
)
def test_each_rule_has_its_name(changed, reason):
    assert why_dropped(item(**changed), set()) == reason


def test_boilerplate_does_not_count_as_text():
    assert why_dropped(item(), {letters(TEXT)}) == "short-document"


def test_two_chinese_characters_count_as_a_word():
    assert count_words("水位監視 tide") == 3


def test_rows_beyond_the_fourth_of_a_source_are_dropped():
    items = [item(package=f"lamp{number}", document=f"{TEXT} {number}") for number in range(MAX_PER_SOURCE + 2)]
    assert list(drop_repeats(items).values()) == ["many-of-one-source"] * 2
