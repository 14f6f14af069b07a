import pytest
import torch

from deepsynth.core.errors import ModelError
from deepsynth.inference.loading import load_any, rendering_for, weights_fingerprint


def test_a_size_has_the_asked_type():
    assert next(load_any("tiny", dtype=torch.bfloat16).model.parameters()).dtype == torch.bfloat16


def test_what_is_no_model_is_an_error():
    with pytest.raises(ModelError, match="neither a model folder nor a hub id"):
        load_any("nowhere")


def test_letters_suit_the_mode():
    assert (rendering_for("base").px, rendering_for("base").margin) == (12.8, 8)
    assert rendering_for("nano-256").px == 10.0


def test_what_holds_no_weights_is_known_by_its_name(tmp_path):
    assert weights_fingerprint(tmp_path) == str(tmp_path)


def test_the_bundled_model_is_a_trained_one_under_its_name():
    bundled, untrained = load_any("nano"), load_any("nano-untrained")
    assert bundled.tokenizer.companion("asking.json") is not None
    assert untrained.tokenizer.companion("asking.json") is None
    assert len(weights_fingerprint("nano")) == 64
    shapes = [{name: item.shape for name, item in found.model.state_dict().items()} for found in (bundled, untrained)]
    assert {name: shape for name, shape in shapes[0].items() if ".copying." not in name} == shapes[1]
