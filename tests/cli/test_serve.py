import pytest

from deepsynth.cli.serve import run
from deepsynth.core.errors import SettingsError
from deepsynth.core.progress import SilentReporter
from deepsynth.web.config import WebConfig


def test_the_web_verb_refuses_to_leave_loopback(tmp_path):
    with pytest.raises(SettingsError, match="not loopback"):
        run(WebConfig(host="192.168.0.1", state_dir=tmp_path), SilentReporter())
