import json
import sys

import numpy as np
import pytest

from deepsynth.core.errors import InputError, MissingExtraError, ModelError
from deepsynth.evaluation.embedding import check_folder, encoder_name, load_encoder, similarity


class Letters:
    """A fake encoder: how often a, b and c occur."""

    def encode(self, sentences, *, normalize_embeddings, show_progress_bar):
        assert normalize_embeddings
        counts = np.array([[text.count(letter) for letter in "abc"] for text in sentences], dtype=np.float32)
        return counts / np.maximum(1e-9, np.linalg.norm(counts, axis=1, keepdims=True))


def folder_with(tmp_path, modules, weights=True):
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    if weights:
        (tmp_path / "model.safetensors").write_bytes(b"x")
    return tmp_path


OWN = [{"type": "sentence_transformers.models.Transformer"}]


def test_cosines_are_those_of_the_vectors():
    found = similarity(["ab", "a", "c"], ["ab", "ab", "a"], Letters())
    assert found == pytest.approx([100, 100 / np.sqrt(2), 0], abs=1e-4)


def test_an_empty_prediction_counts_as_zero():
    assert similarity([" "], ["a"], Letters())[0] == 0


def test_different_lengths_are_refused():
    with pytest.raises(InputError, match="1 predictions for 2"):
        similarity(["a"], ["a", "b"], Letters())


def test_a_folder_must_be_a_model_without_foreign_code_or_pickles(tmp_path):
    with pytest.raises(ModelError, match="holds no modules.json"):
        check_folder(tmp_path)
    with pytest.raises(ModelError, match="asks for evil.Code"):
        check_folder(folder_with(tmp_path, [*OWN, {"type": "evil.Code"}]))
    with pytest.raises(ModelError, match="does not list modules"):
        check_folder(folder_with(tmp_path, {"type": 1}))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no safetensors"):
        check_folder(folder_with(tmp_path, OWN, weights=False))


def test_the_name_changes_with_the_weights(tmp_path):
    first = encoder_name(folder_with(tmp_path, OWN))
    (tmp_path / "model.safetensors").write_bytes(b"y")
    assert encoder_name(tmp_path) != first
    assert first.startswith(tmp_path.name)


def test_a_missing_library_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"deepsynth\[similarity\]"):
        load_encoder(folder_with(tmp_path, OWN))
