import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.core.verbosity import log_level


def test_the_environment_wins_over_the_default_in_any_case():
    assert log_level("INFO", {}) == log_level("INFO", {"DEEPSYNTH_LOG": ""}) == "INFO"
    assert log_level(environment={"DEEPSYNTH_LOG": "debug"}) == "DEBUG"


def test_an_unknown_level_names_the_variable_and_the_known_ones():
    with pytest.raises(SettingsError, match=r"DEEPSYNTH_LOG: no level 'loud'; known: DEBUG, INFO"):
        log_level(environment={"DEEPSYNTH_LOG": "loud"})
