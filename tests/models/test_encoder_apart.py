from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from deepsynth.core.errors import ModelError
from deepsynth.models import encoder_apart, families, load_model, save_model, saving
from deepsynth.models.folders import weight_keys
from deepsynth.models.parts import model_parts


@pytest.fixture(params=["deepseek_ocr", "deepseek_ocr2"])
def whole(request, tmp_path):
    """A model, and the folder it was saved in."""
    loaded = families.get(request.param).build("tiny", seed=1)
    save_model(loaded, tmp_path / "whole")
    return loaded, tmp_path / "whole"


@pytest.mark.parametrize("without", ["encoder", "decoder"])
def test_a_half_has_exactly_the_other_halfs_weights_left_out(whole, without):
    loaded, folder = whole
    half = load_model(folder, without=without)
    full, found = loaded.model.state_dict(), half.model.state_dict()
    keys = encoder_apart.ENCODER_KEYS if without == "encoder" else encoder_apart.DECODER_KEYS
    assert set(found) == {name for name in full if not keys.match(name)}
    assert all(torch.equal(value, full[name]) for name, value in found.items())
    assert type(half.model) is type(loaded.model)


def test_a_half_is_loaded_as_strictly_as_the_whole(whole, tmp_path):
    from safetensors.torch import load_file, save_file

    _, folder = whole
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "model.layers.0.surplus": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="1 unexpected.*surplus"):
        load_model(folder, without="encoder")


def test_what_is_left_out_says_so_when_it_is_called(whole):
    half = load_model(whole[1], without="encoder")
    with pytest.raises(ModelError, match="loaded without its vision encoder"):
        half.family.encode_pages(half.model, torch.zeros(1, 3, 128, 128, dtype=torch.uint8), None, [(1, 1)])


def test_parts_of_a_half_hold_its_parameters_and_no_others(whole):
    half = load_model(whole[1], without="encoder")
    parts = model_parts(half.model)
    assert parts["sam"] == parts["clip"] == []
    held = {
        id(p)
        for members in parts.values()
        for m in members
        for p in ([m] if isinstance(m, torch.nn.Parameter) else m.parameters())
    }
    assert held == {id(parameter) for parameter in half.model.parameters()}


def test_a_saved_half_becomes_whole_by_the_encoders_file(whole, tmp_path):
    loaded, folder = whole
    encoder = load_model(folder, without="decoder")
    saving.write_encoder_file(encoder.model, tmp_path / "encoder.safetensors")
    half = replace(load_model(folder, without="encoder"), encoder_file=tmp_path / "encoder.safetensors")
    save_model(half, tmp_path / "again")
    again = load_model(tmp_path / "again").model.state_dict()
    full = loaded.model.state_dict()
    assert again.keys() == full.keys()
    assert all(torch.equal(again[name], value) for name, value in full.items())
    assert sorted(path.name for path in tmp_path.glob("*encoder*")) == ["encoder.safetensors"]


def test_a_half_without_the_encoders_file_is_not_saved(whole, tmp_path):
    half = load_model(whole[1], without="encoder")
    with pytest.raises(ModelError, match="not at None"):
        save_model(half, tmp_path / "again")
    with pytest.raises(ModelError, match="not at .*none"):
        save_model(replace(half, encoder_file=tmp_path / "none"), tmp_path / "other")


@pytest.mark.parametrize("projector", [False, True])
def test_the_fingerprint_follows_the_encoder_and_the_projector_where_asked(whole, projector, tmp_path):
    loaded, folder = whole
    prints = [encoder_apart.file_fingerprint(weight_keys(folder), projector=projector)]
    states = [encoder_apart.state_fingerprint(loaded.model, projector=projector)]
    for part in ("head", "projector", "clip"):
        with torch.no_grad():
            model_parts(loaded.model)[part][0].parameters().__next__().add_(1)
        save_model(loaded, tmp_path / part)
        prints.append(encoder_apart.file_fingerprint(weight_keys(tmp_path / part), projector=projector))
        states.append(encoder_apart.state_fingerprint(loaded.model, projector=projector))
    for found in (prints, states):
        assert [one == other for one, other in itertools.pairwise(found)] == [True, not projector, False]


def test_weights_without_encoder_are_refused():
    with pytest.raises(ModelError, match="hold no vision encoder"):
        encoder_apart.file_fingerprint({}, projector=True)
