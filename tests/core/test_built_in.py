from pathlib import Path

from deepsynth.core.built_in import BUILT_IN, BUNDLED, SIZES, folder_of


def test_the_bundled_model_is_a_folder_of_the_package():
    assert (folder_of(BUNDLED) / "config.json").is_file()
    assert (folder_of(BUNDLED) / "model.safetensors").is_file()


def test_other_names_are_paths():
    assert folder_of("./nano") == Path("./nano")
    assert folder_of("runs/mine") == Path("runs/mine")
    assert folder_of("~/mine") == Path.home() / "mine"


def test_what_can_be_run_at_once_is_bundled_or_a_size():
    assert set(BUILT_IN) <= {BUNDLED, *SIZES}
