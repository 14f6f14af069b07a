import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsynth.core.errors import ModelError
from deepsynth.models import load_model
from deepsynth.models.comparing import compare_export, probe_logits
from deepsynth.models.exporting import write_export


@pytest.mark.parametrize("layout", ["original", "transformers"])
def test_a_folder_that_holds_the_model_passes(tiny, tmp_path, layout):
    write_export(tiny, tmp_path, layout)
    found = compare_export(tiny, tmp_path, layout)
    assert found.tensors == len(tiny.model.state_dict())
    assert found.parameters == sum(value.numel() for value in tiny.model.state_dict().values())
    assert found.logit_difference == 0
    assert found.logit_scale > 0.1


def test_rounding_is_reported_as_a_difference_of_logits(golden_v1, tmp_path):
    loaded = load_model(golden_v1.folder)
    write_export(loaded, tmp_path, "original", "bfloat16")
    found = compare_export(loaded, tmp_path, "original", "bfloat16")
    assert 0 < found.logit_difference < 0.3
    assert f"{found.logit_difference:.2g}" in found.describe()


def change(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_one_changed_bit_is_found_and_named(tiny, tmp_path):
    write_export(tiny, tmp_path, "original")

    def nudge(tensors):
        head = tensors["lm_head.weight"]
        head[0, 0] = torch.nextafter(head[0, 0], torch.tensor(9.0))

    change(tmp_path, nudge)
    with pytest.raises(ModelError, match=r"lm_head\.weight differs"):
        compare_export(tiny, tmp_path, "original")


def test_a_lost_weight_that_nothing_reads_is_found_too(golden_v1, tmp_path):
    loaded = load_model(golden_v1.folder)
    write_export(loaded, tmp_path, "original")
    change(tmp_path, lambda tensors: tensors.pop("model.vision_model.embeddings.patch_embedding.weight"))
    with pytest.raises(ModelError, match="does not hold the model's weights again.*patch_embedding"):
        compare_export(loaded, tmp_path, "original")


def test_a_changed_config_is_found(golden_v1, tmp_path):
    loaded = load_model(golden_v1.folder)
    write_export(loaded, tmp_path, "original")
    (tmp_path / "config.json").write_bytes(b" " + (tmp_path / "config.json").read_bytes())
    with pytest.raises(ModelError, match=r"config\.json differs"):
        compare_export(loaded, tmp_path, "original")


def test_the_probe_reads_its_page(loaded_v1):
    before = probe_logits(loaded_v1)
    with torch.no_grad():
        loaded_v1.model.model.vision_tower.sam_encoder.patch_embed.projection.weight.mul_(2)
    assert not torch.equal(probe_logits(loaded_v1), before)
