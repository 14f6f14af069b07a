import pytest

from deepsynth.core.errors import ModelError, SettingsError
from deepsynth.core.geometry import MODES
from deepsynth.models import families
from deepsynth.models.family import LoadedModel


@pytest.mark.parametrize("name", families.names())
def test_only_modes_of_the_models_geometry_fit(name):
    family = families.get(name)
    loaded = family.build("full")
    modes = family.modes(loaded.model)
    assert set(modes) == {mode.name for mode in MODES.values() if mode.layout == family.layout and mode.token_px == 64}


def test_a_mode_that_does_not_fit_lists_those_that_do(tiny):
    with pytest.raises(SettingsError, match="mode 'base' does not fit.*nano-128") as caught:
        tiny.family.processor(tiny, "base")
    assert caught.value.field == "mode"


def test_without_a_tokenizer_there_is_no_processor(tiny):
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        tiny.family.processor(LoadedModel(model=tiny.model, family=tiny.family))
