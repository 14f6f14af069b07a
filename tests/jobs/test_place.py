from pathlib import Path

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
