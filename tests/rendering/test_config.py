import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.rendering.config import RenderConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mode": "huge"}, "no mode 'huge'; known: tiny"),
        ({"px": 2}, "px: .*greater than or equal to 5"),
        ({"font": "comic"}, "font"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(values, message):
    with pytest.raises(SettingsError, match=message):
        RenderConfig.parse(values)
