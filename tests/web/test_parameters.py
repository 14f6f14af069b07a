import re

import pytest

from deepsynth.web.routes.parameters import IdConvertor


@pytest.mark.parametrize("value", ["0f3a5c7d9e1b2a4c", "0" * 16])
def test_ids_stand_as_they_are(value):
    convertor = IdConvertor()
    assert re.fullmatch(convertor.regex, value)
    assert convertor.convert(value) == convertor.to_string(value) == value


@pytest.mark.parametrize(
    "value", ["check", "0f3a5c7d9e1b2a4", "0f3a5c7d9e1b2a4c0", "0F3A5C7D9E1B2A4C", "../../../../etc/x"]
)
def test_a_word_that_is_a_route_of_its_own_is_no_id(value):
    assert not re.fullmatch(IdConvertor.regex, value)
