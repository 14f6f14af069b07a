"""What of an official checkpoint the model does not read travels with it, through any number of checkpoints."""

import torch
from safetensors.torch import load_file, save_file

from deepsynth.models import load_model, save_model
from deepsynth.models.origin import ORIGIN, Origin

UNUSED = "model.vision_model.embeddings.patch_embedding.weight"


def test_the_unread_weight_and_the_config_survive_two_checkpoints(golden_v1, tmp_path):
    save_model(load_model(golden_v1.folder), tmp_path / "one")
    save_model(load_model(tmp_path / "one"), tmp_path / "two")
    origin = load_model(tmp_path / "two").origin
    assert origin.config == (golden_v1.folder / "config.json").read_bytes()
    official = load_file(golden_v1.folder / "model.safetensors")
    assert torch.equal(origin.unread[UNUSED], official[UNUSED])


def test_dtypes_are_noted_by_weight(golden_v2, tmp_path):
    tensors = {key: value.bfloat16() for key, value in load_file(golden_v2.folder / "model.safetensors").items()}
    tensors["model.norm.weight"] = tensors["model.norm.weight"].float()
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((golden_v2.folder / "config.json").read_bytes())
    origin = Origin.read(tmp_path, ())
    assert (origin.dtype, origin.other_dtypes) == ("bfloat16", {"model.norm.weight": "float32"})
    origin.save(tmp_path / "checkpoint")
    again = Origin.find(tmp_path / "checkpoint")
    assert again == origin
    assert again.dtype_of("model.norm.weight") == "float32"
    assert again.dtype_of("lm_head.weight") == "bfloat16"


def test_code_is_carried_as_bytes_and_never_run(golden_v1, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((golden_v1.folder / name).read_bytes())
    (tmp_path / "modeling_deepseekocr.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    loaded = load_model(tmp_path)
    save_model(loaded, tmp_path / "checkpoint")
    assert "open(" in (tmp_path / "checkpoint" / ORIGIN / "modeling_deepseekocr.py").read_text()
    assert load_model(tmp_path / "checkpoint").origin.code == loaded.origin.code
    assert not (tmp_path / "ran").exists()


def test_a_model_made_here_has_no_origin(tiny, tmp_path):
    save_model(tiny, tmp_path)
    assert load_model(tmp_path).origin is None
