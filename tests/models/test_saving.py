"""What is written gives the same bits again, under the official names or under transformers'."""

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from deepsynth.models import load_model, save_model, system_errors

UNUSED = "model.vision_model.embeddings.patch_embedding.weight"
"""In the published checkpoint of version 1, read by nothing."""


def test_loading_and_saving_version_1_gives_the_official_keys_and_bits(golden_v1, tmp_path):
    save_model(load_model(golden_v1.folder), tmp_path)
    original, written = load_file(golden_v1.folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert original.keys() - written.keys() <= {UNUSED}
    assert written.keys() <= original.keys()
    assert all(torch.equal(value, original[name]) for name, value in written.items())


def test_loading_and_saving_version_2_gives_the_official_keys_and_bits(golden_v2, tmp_path):
    save_model(load_model(golden_v2.folder), tmp_path)
    original, written = load_file(golden_v2.folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert written.keys() == original.keys()
    assert all(torch.equal(value, original[name]) for name, value in written.items())


def test_both_layouts_load_and_hold_the_same_weights(tiny, tmp_path):
    for original in (True, False):
        folder = tmp_path / str(original)
        save_model(tiny, folder, original=original)
        again = load_model(folder)
        expected = tiny.model.state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in again.model.state_dict().items())
        assert again.tokenizer is not None
    names = [set(load_file(tmp_path / name / "model.safetensors")) for name in ("True", "False")]
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Error while serializing: I/O error: No space left on device (os error 28)", 28),
        ("Error while serializing: I/O error: Read-only file system (os error 30)", 30),
    ],
)
def test_a_refusal_of_the_system_is_an_os_error(message, number):
    with pytest.raises(OSError) as caught, system_errors():
        raise SafetensorError(message)
    assert caught.value.errno == number


def test_other_faults_of_a_file_stay_what_they_are():
    with pytest.raises(SafetensorError, match="header"), system_errors():
        raise SafetensorError("header too large")
