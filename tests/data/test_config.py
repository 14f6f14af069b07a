import json

import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.data.config import DATASET, DataConfig
from deepsynth.rendering.config import RenderConfig


def test_how_a_dataset_is_drawn_is_read_from_one_small_file_of_it(tmp_path):
    (tmp_path / DATASET).write_text(json.dumps({"rendering": {"px": 12.0}}))
    assert DataConfig(path=tmp_path).drawn() == RenderConfig(px=12.0)


def test_where_no_dataset_is_nothing_is_known_of_its_pages(tmp_path):
    assert DataConfig(path=tmp_path).drawn() is None
    assert DataConfig(path=tmp_path / "nothing").drawn() is None


def test_drawing_settings_that_are_none_are_refused(tmp_path):
    (tmp_path / DATASET).write_text(json.dumps({"rendering": {"px": -1}}))
    with pytest.raises(SettingsError, match="px"):
        DataConfig(path=tmp_path).drawn()
