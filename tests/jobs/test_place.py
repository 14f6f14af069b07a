from pathlib import Path

import pytest

from deepsynth.core.errors import SettingsError, StorageError
from deepsynth.jobs.place import find_place


def test_a_setting_wins_over_the_environment_and_that_over_the_default(tmp_path):
    environment = {"DEEPSYNTH_UI_STATE_DIR": str(tmp_path / "e"), "DEEPSYNTH_STORE": "postgresql://x"}
    assert find_place(tmp_path / "s", environment).state_dir == tmp_path / "s"
    assert find_place(None, environment).state_dir == tmp_path / "e"
    assert find_place(None, environment).store_url == "postgresql://x"
    assert find_place(None, {}).state_dir == Path("runs/web").absolute()


def test_opening_makes_the_folder_for_its_owner_alone(tmp_path):
    place = find_place(tmp_path / "state", {})
    store = place.open()
    store.close()
    assert place.state_dir.stat().st_mode & 0o077 == 0
    assert (place.state_dir / "jobs.sqlite").is_file()


def test_a_shared_store_gives_the_machine_a_name_and_a_lease_and_others_find_the_same_place():
    environment = {"DEEPSYNTH_STORE": "postgresql://x", "DEEPSYNTH_HOST": "node-7", "DEEPSYNTH_LEASE_SECONDS": "60"}
    place = find_place(None, environment)
    assert (place.host, place.lease_seconds) == ("node-7", 60)
    assert find_place(None, place.environment()) == place
    assert find_place(None, {"DEEPSYNTH_HOST": "node-7"}).host == "", "nobody shares a SQLite store"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEEPSYNTH_HOST", "../x"),
        ("DEEPSYNTH_HOST", "a b"),
        ("DEEPSYNTH_LEASE_SECONDS", "1"),
        ("DEEPSYNTH_LEASE_SECONDS", "x"),
    ],
)
def test_what_is_no_name_or_no_lease_is_refused_by_its_variable(name, value):
    with pytest.raises(SettingsError, match=name):
        find_place(None, {"DEEPSYNTH_STORE": "postgresql://x", name: value})


def test_a_state_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "state").touch()
    with pytest.raises(StorageError, match="state: a file is in the way"):
        find_place(tmp_path / "state", {}).open()
