import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.inference.writing import Writing


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_new_tokens": 9, "max_new_tokens": 8}, "min_new_tokens 9 is above max_new_tokens 8"),
        ({"num_beams": 2, "temperature": 0.5}, "num_beams above 1 takes the likeliest"),
        ({"stop": ["", "x"]}, "empty stop text"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"top_p": 0}, "top_p"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"max_token": 5}, "did you mean 'max_new_tokens'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        Writing.parse(values)
