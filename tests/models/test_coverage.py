from deepsynth.models.coverage import coverage
from deepsynth.models.tokenizer import train_tokenizer

ENGLISH = "the harbor gauge reads the tide every day and the storm alarm sounds at night"
TOKENIZER = train_tokenizer([ENGLISH] * 20, 420)


def test_a_language_that_the_tokenizer_knows_has_whole_words():
    found = coverage(TOKENIZER, [ENGLISH])
    assert found.characters == len(ENGLISH)
    assert found.characters_per_token > 2
    assert found.whole_words > found.words / 2
    assert (found.broken, found.lossless) == (0, True)


def test_a_language_that_it_does_not_know_falls_into_bytes():
    found = coverage(TOKENIZER, ["Прилив отмечен"])
    assert found.characters_per_token < 1
    assert found.broken > found.tokens / 2
    assert found.whole_words == 0
    assert found.lossless
    assert "expect slower writing" in found.describe()
    assert "expect slower writing" not in coverage(TOKENIZER, [ENGLISH]).describe()


def test_a_tokenizer_that_loses_text_is_told():
    class Lossy:
        bos_token_id = eos_token_id = pad_token_id = image_token_id = 0
        vocab_size = 300

        def encode(self, text):
            return [ord(character) for character in text.lower()]

        def decode(self, ids):
            return "".join(map(chr, ids))

        def save(self, folder): ...

    assert "DOES NOT come back exactly" in coverage(Lossy(), ["Grün"]).describe()
    assert coverage(Lossy(), ["grün"]).lossless


def test_nothing_gives_zeros():
    assert coverage(TOKENIZER, []).characters_per_token == 0
