import pytest

from deepsynth.cli.serve import run
from deepsynth.core.errors import SettingsError
from deepsynth.core.progress import SilentReporter
from deepsynth.web.config import WebConfig


def test_the_web_verb_refuses_to_leave_loopback_without_a_token(tmp_path):
    with pytest.raises(SettingsError, match="a token is required"):
        run(WebConfig(host="192.168.0.1", state_dir=tmp_path), SilentReporter())
