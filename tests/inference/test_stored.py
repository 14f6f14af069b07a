import json

from deepsynth.inference.stored import TRAINED_WITH, stored_rendering
from deepsynth.rendering.config import RenderConfig


def test_a_folder_without_settings_has_no_stored_rendering(tmp_path):
    assert stored_rendering(tmp_path) is None


def test_a_folder_says_how_its_model_was_trained_to_see(tmp_path):
    (tmp_path / TRAINED_WITH).write_text(json.dumps({"rendering": {"px": 12.0}}))
    assert stored_rendering(tmp_path) == RenderConfig(px=12.0)
    assert stored_rendering("nano").mode == "nano-128"
