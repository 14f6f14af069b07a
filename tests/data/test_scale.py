import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.data.scale import ScaleConfig


def test_one_process_is_the_default_and_none_is_refused():
    assert (ScaleConfig().workers, ScaleConfig().engine) == (1, "processes")
    with pytest.raises(SettingsError, match="workers"):
        ScaleConfig.parse({"workers": 0})
