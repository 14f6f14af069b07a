"""A checkpoint gives the same bits again."""

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from deepsynth.models import load_model, save_model, system_errors
from deepsynth.models.exporting import write_export


def test_a_checkpoint_has_official_names_and_gives_the_same_weights_again(tiny, tmp_path):
    save_model(tiny, tmp_path)
    assert "model.sam_model.pos_embed" in load_file(tmp_path / "model.safetensors")
    again = load_model(tmp_path)
    expected = tiny.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in again.model.state_dict().items())
    assert again.tokenizer is not None


def test_a_checkpoint_of_a_model_read_under_native_names_has_official_ones(tiny, tmp_path):
    write_export(tiny, tmp_path / "native", "transformers")
    save_model(load_model(tmp_path / "native"), tmp_path / "checkpoint")
    assert "model.sam_model.pos_embed" in load_file(tmp_path / "checkpoint" / "model.safetensors")


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
