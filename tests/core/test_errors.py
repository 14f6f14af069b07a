from deepsynth.core.errors import DeepSynthError, MissingExtraError, ModelError, Paused


def test_an_error_without_words_says_what_its_kind_means():
    assert str(ModelError()) == ModelError.__doc__


def test_mistakes_exit_with_two_and_pauses_with_their_own_code():
    assert DeepSynthError.exit_code == 2
    assert Paused.exit_code == 75


def test_a_missing_extra_gives_the_line_that_installs_it():
    assert "pip install 'deepsynth[web]'" in str(MissingExtraError("fastapi", "web"))
