from deepsynth.data.wording import count_words, letters, runs, units, words


def test_words_are_runs_of_letters_and_digits_of_any_script():
    assert words("L'été_2024, Straße!") == ["l", "été", "2024", "straße"]
    assert letters("Two  words.") == letters("TWO WORDS")


def test_characters_without_blanks_count_alone_as_units_and_as_half_words():
    assert units("灯台 lamp") == ["灯", "台", "lamp"]
    assert count_words("灯台 lamp") == 2


def test_fewer_words_than_a_run_are_one_run():
    assert runs(["a", "b", "c"], 2) == ["a b", "b c"]
    assert runs(["a"], 2) == ["a"]
    assert runs([], 2) == [""]
