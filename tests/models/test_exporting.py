"""Exports: the official layout bit for bit, and a folder that transformers loads without DeepSynth."""

from __future__ import annotations

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.test_reading import collate
from transformers import AutoModelForImageTextToText

from deepsynth.core.errors import ModelError
from deepsynth.models import families, load_model, save_model
from deepsynth.models.exporting import exported_config, write_export

GOLDENS = ["golden_v1", "golden_v2"]


def copy_as_bfloat16(golden, folder, *, keep=()):
    """The golden checkpoint as it would be published: bfloat16 but for `keep`."""
    tensors = load_file(golden.folder / "model.safetensors")
    tensors = {key: value if key in keep else value.bfloat16() for key, value in tensors.items()}
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_bytes((golden.folder / "config.json").read_bytes())
    return tensors


@pytest.mark.parametrize("name", GOLDENS)
def test_loading_and_exporting_gives_the_official_folder_again(name, request, tmp_path):
    golden = request.getfixturevalue(name)
    write_export(load_model(golden.folder), tmp_path, "original")
    official, written = load_file(golden.folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert written.keys() == official.keys()
    assert all(torch.equal(value, official[key]) for key, value in written.items())
    assert (tmp_path / "config.json").read_bytes() == (golden.folder / "config.json").read_bytes()


@pytest.mark.parametrize("name", GOLDENS)
def test_a_bfloat16_checkpoint_loaded_in_float32_is_exported_with_its_own_bits_and_dtypes(name, request, tmp_path):
    official = copy_as_bfloat16(request.getfixturevalue(name), tmp_path / "published", keep=("model.norm.weight",))
    save_model(load_model(tmp_path / "published"), tmp_path / "checkpoint")
    write_export(load_model(tmp_path / "checkpoint"), tmp_path / "export", "original")
    written = load_file(tmp_path / "export" / "model.safetensors")
    assert written.keys() == official.keys()
    for key, value in written.items():
        assert value.dtype == official[key].dtype, key
        assert torch.equal(value, official[key]), key


@pytest.mark.parametrize("name", GOLDENS)
def test_the_transformers_layout_loads_in_the_stock_class_without_a_key_too_many(name, request, tmp_path):
    golden = request.getfixturevalue(name)
    loaded = load_model(golden.folder)
    write_export(loaded, tmp_path, "transformers")
    stock, info = AutoModelForImageTextToText.from_pretrained(tmp_path, output_loading_info=True)
    assert type(stock).__module__.startswith("transformers.")
    assert not any(info.values())
    state = loaded.model.state_dict()
    assert stock.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in stock.state_dict().items())
    inputs, pages = golden.text_only(), {}
    if name == "golden_v1":  # with tiles; version 2's real counts of tokens take seconds
        inputs = golden.batch(0)
        pages = {
            "pixel_values": inputs["global_views"],
            "pixel_values_local": inputs["tiles"],
            "num_local_patches": [len(inputs["tiles"])],
            "patches_grid": [list(inputs["grids"][0])],
        }
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    with torch.no_grad():
        expected = loaded.family.forward(loaded.model.eval(), inputs, with_logits=True).logits
        found = stock.eval()(input_ids=ids, attention_mask=mask, **pages).logits
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", GOLDENS)
def test_a_transformers_export_goes_back_to_the_official_layout(name, request, tmp_path):
    golden = request.getfixturevalue(name)
    write_export(load_model(golden.folder), tmp_path / "there", "transformers")
    write_export(load_model(tmp_path / "there"), tmp_path / "back", "original")
    official, written = load_file(golden.folder / "model.safetensors"), load_file(tmp_path / "back/model.safetensors")
    assert written.keys() == official.keys()
    assert all(torch.equal(value, official[key]) for key, value in written.items())


def test_a_fine_tuned_export_differs_from_the_native_model_by_rounding_only(tiny, tmp_path):
    batch = collate(tiny)
    optimizer = torch.optim.AdamW(tiny.model.parameters(), lr=1e-3)
    for _ in range(3):
        tiny.family.forward(tiny.model, batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        expected = tiny.family.forward(tiny.model.eval(), batch, with_logits=True).logits
        write_export(tiny, tmp_path, "original")
        again = load_model(tmp_path)
        found = again.family.forward(again.model.eval(), batch, with_logits=True).logits
    assert torch.equal(found, expected)


def test_an_asked_dtype_is_in_weights_and_config(golden_v1, tmp_path):
    write_export(load_model(golden_v1.folder), tmp_path, "original", "float16")
    assert {value.dtype for value in load_file(tmp_path / "model.safetensors").values()} == {torch.float16}
    assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "float16"


def test_a_model_made_here_gets_an_official_config_and_a_tokenizer(tiny, tmp_path):
    write_export(tiny, tmp_path, "original")
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["DeepseekOCRForCausalLM"]
    assert load_model(tmp_path).tokenizer is not None


def test_the_code_of_the_official_folder_lies_beside_the_export(golden_v1, tmp_path):
    folder = tmp_path / "published"
    copy_as_bfloat16(golden_v1, folder)
    (folder / "modeling_deepseekocr.py").write_text("raise SystemExit")
    write_export(load_model(folder), tmp_path / "export", "original")
    assert (tmp_path / "export/modeling_deepseekocr.py").read_text() == "raise SystemExit"


def test_the_namesake_in_transformers_is_refused(golden_v1, tmp_path):
    write_export(load_model(golden_v1.folder), tmp_path, "transformers")
    config = json.loads((tmp_path / "config.json").read_text())
    config["text_config"]["layer_types"] = ["reference_sliding_attention"] * 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="reference_sliding_attention layers.*another model"):
        load_model(tmp_path)


def explicit_official_name(key: str, version: str) -> str:
    """Native name to official one, written down once more by hand: a check on transformers' mappings."""
    sam = "model.vision_tower.sam_encoder."
    for native, official in (
        (sam + "patch_embed.projection.", "model.sam_model.patch_embed.proj."),
        (sam + "neck.conv1.", "model.sam_model.neck.0."),
        (sam + "neck.layer_norm1.", "model.sam_model.neck.1."),
        (sam + "neck.conv2.", "model.sam_model.neck.2."),
        (sam + "neck.layer_norm2.", "model.sam_model.neck.3."),
        (sam + "proj.conv1.", "model.sam_model.net_2."),
        (sam + "proj.conv2.", "model.sam_model.net_3."),
        (sam + "layers.", "model.sam_model.blocks."),
        (sam, "model.sam_model."),
        ("model.vision_tower.query_768_resolution.", "model.qwen2_model.query_768."),
        ("model.vision_tower.query_1024_resolution.", "model.qwen2_model.query_1024."),
        (
            "model.vision_tower.vision_encoder.encoder." if version == "v1" else "model.vision_tower.vision_encoder.",
            "model.vision_model.transformer." if version == "v1" else "model.qwen2_model.model.model.",
        ),
        ("model.vision_tower.vision_encoder.", "model.vision_model."),
        ("model.multi_modal_projector.", "model.projector.layers."),
        ("model.view_separator", "model.view_seperator"),
        ("model.language_model.", "model."),
    ):
        if key.startswith(native):
            renamed = official + key[len(native) :]
            break
    else:
        renamed = key
    return re.sub(r"(sam_model\.blocks\.\d+)\.layer_norm([12])\.", r"\1.norm\2.", renamed)


def explicit_official_state(state: dict[str, torch.Tensor], version: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        name = explicit_official_name(key, version)
        if name.endswith("mlp.experts.gate_up_proj"):
            for expert, both in enumerate(value):
                gate, up = both.chunk(2)
                found[name.replace("gate_up_proj", f"{expert}.gate_proj.weight")] = gate
                found[name.replace("gate_up_proj", f"{expert}.up_proj.weight")] = up
        elif name.endswith("mlp.experts.down_proj"):
            for expert, one in enumerate(value):
                found[name.replace("down_proj", f"{expert}.down_proj.weight")] = one
        elif version == "v1" and "vision_model.transformer" in name and ".q_proj." in name:
            pieces = [state[key.replace(".q_proj.", f".{which}_proj.")] for which in "qkv"]
            found[name.replace(".q_proj.", ".qkv_proj.")] = torch.cat(pieces)
        elif version == "v2" or "vision_model.transformer" not in name or not re.search(r"\.[kv]_proj\.", name):
            found[name] = value
    return found


@pytest.mark.parametrize(("name", "version"), [("golden_v1", "v1"), ("golden_v2", "v2")])
def test_a_mapping_written_by_hand_gives_the_same_official_weights(name, version, request, tmp_path):
    golden = request.getfixturevalue(name)
    loaded = load_model(golden.folder)
    by_hand = {**explicit_official_state(loaded.model.state_dict(), version), **loaded.origin.unread}
    official = load_file(golden.folder / "model.safetensors")
    assert by_hand.keys() == official.keys()
    assert all(torch.equal(value, official[key]) for key, value in by_hand.items())


@pytest.mark.parametrize("name", families.names())
def test_a_checkpoint_config_says_the_dtype_that_its_weights_have(name):
    loaded = families.get(name).build("tiny", dtype=torch.bfloat16)
    assert json.loads(exported_config(loaded, "original"))["torch_dtype"] == "bfloat16"
    assert json.loads(exported_config(loaded, "transformers"))["dtype"] == "bfloat16"
