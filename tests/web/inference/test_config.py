from pathlib import Path

from deepsynth.inference.worker.settings import ModelSettings
from deepsynth.web.inference.config import InferenceConfig


def test_the_model_is_told_its_own_settings_alone():
    config = InferenceConfig(model="tiny", adapters={"news": Path("a")}, max_running=3, max_waiting=2)
    assert config.model_settings() == ModelSettings(model="tiny", adapters={"news": Path("a")}, max_running=3)
    assert config.most == 5
