import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsynth.core.errors import ModelError
from deepsynth.models import save_model
from deepsynth.models.comparing import check_same_weights


def test_a_folder_that_holds_the_model_passes(tiny, tmp_path):
    save_model(tiny, tmp_path)
    tensors, parameters = check_same_weights(tiny, tmp_path)
    assert tensors == len(tiny.model.state_dict())
    assert parameters == sum(value.numel() for value in tiny.model.state_dict().values())


def test_one_changed_bit_is_found_and_named(tiny, tmp_path):
    save_model(tiny, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    head = tensors["lm_head.weight"]
    head[0, 0] = torch.nextafter(head[0, 0], torch.tensor(9.0))
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lm_head\.weight differs"):
        check_same_weights(tiny, tmp_path)
