from pathlib import Path

from deepsynth.web.config import WebConfig, from_environment


def test_defaults_are_loopback_and_unset_variables_change_nothing():
    assert from_environment({}) == WebConfig()
    assert from_environment({"DEEPSYNTH_UI_PORT": ""}) == WebConfig()
    assert WebConfig().host == "127.0.0.1"


def test_every_variable_reaches_its_setting():
    values = {"DEEPSYNTH_UI_STATE_DIR": "/s", "DEEPSYNTH_UI_HOST": "localhost", "DEEPSYNTH_UI_PORT": "8080"}
    assert from_environment(values) == WebConfig(state_dir=Path("/s"), host="localhost", port=8080)
