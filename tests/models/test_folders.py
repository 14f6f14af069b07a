import json

import pytest
import torch
from safetensors.torch import load_file

from deepsynth.core.errors import ModelError
from deepsynth.models import families, load_model
from deepsynth.models.folders import weight_files, weight_keys
from deepsynth.models.saving import official_state, write_weights


@pytest.mark.parametrize("name", families.names())
def test_a_sharded_folder_is_read_like_a_whole_one(name, tmp_path):
    loaded = families.get(name).build("tiny", seed=4)
    loaded.model.config.save_pretrained(tmp_path)
    write_weights(official_state(loaded.model), tmp_path, max_shard="60KB")
    assert len(weight_files(tmp_path)) > 2
    assert weight_keys(tmp_path).keys() == official_state(loaded.model).keys()
    again = load_model(tmp_path).model.state_dict()
    assert all(torch.equal(value, again[key]) for key, value in loaded.model.state_dict().items())


def test_a_shard_that_the_index_names_and_nobody_brought_is_named(tmp_path):
    loaded = families.get("deepseek_ocr").build("tiny")
    write_weights(official_state(loaded.model), tmp_path, max_shard="60KB")
    gone = weight_files(tmp_path)[1]
    gone.unlink()
    with pytest.raises(ModelError, match=f"{gone.name} is missing although model.safetensors.index.json names it"):
        weight_files(tmp_path)


def test_an_index_cannot_name_a_pickle(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "pytorch_model.bin"}}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(ModelError, match="only safetensors files beside it are read"):
        weight_files(tmp_path)


def test_weights_may_be_read_by_others_than_their_owner(tmp_path):
    write_weights({"a": torch.ones(2)}, tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o044
    assert load_file(tmp_path / "model.safetensors")["a"].tolist() == [1, 1]
