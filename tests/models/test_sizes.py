"""The full sizes have the published architecture's numbers of parameters, part by part, counted without allocating a weight."""

import pytest
from torch import nn

from deepsynth.core.errors import SettingsError
from deepsynth.models import build_size, families
from deepsynth.models.parts import count_parameters
from deepsynth.models.saving import official_state

HIDDEN, VOCABULARY, LAYERS, SPARSE = 1280, 129280, 12, 11
EXPERTS, INNER, SHARED, DENSE = 64, 896, 2 * 896, 6848

DECODER = {
    "embeddings": VOCABULARY * HIDDEN,
    "attention": LAYERS * 4 * HIDDEN**2,
    "router": SPARSE * EXPERTS * HIDDEN,
    "experts": SPARSE * EXPERTS * 3 * HIDDEN * INNER,
    "shared_experts": SPARSE * 3 * HIDDEN * SHARED,
    "dense": 3 * HIDDEN * DENSE,
    "norms": (2 * LAYERS + 1) * HIDDEN,
    "head": VOCABULARY * HIDDEN,
}


def sam(last: int) -> int:
    """SAM-B with tables of relative positions (window 14, four global layers), neck and two compressors."""
    width, heads_width = 768, 64
    patches = 3 * 16**2 * width + width + 64**2 * width
    block = 4 * width + (3 * width**2 + 3 * width) + (width**2 + width) + (2 * 4 * width**2 + 5 * width)
    tables = heads_width * 2 * (8 * 27 + 4 * 127)
    neck = width * 256 + 9 * 256**2 + 4 * 256
    return patches + 12 * block + tables + neck + 9 * 256 * 512 + 9 * 512 * last


def clip() -> int:
    """CLIP-L without a patch embedding and without a last norm."""
    width, inner = 1024, 4096
    block = 4 * (width**2 + width) + 2 * width * inner + inner + width + 4 * width
    return width + 257 * width + 2 * width + 24 * block


def query_encoder() -> int:
    """Qwen2's half-billion layers with 2 of 14 heads for keys and values, and 144 + 256 learned queries."""
    width, inner, keys = 896, 4864, 128
    block = (width**2 + width) + 2 * (width * keys + keys) + width**2 + 3 * width * inner + 2 * width
    return 24 * block + width + (144 + 256) * width


ARCHITECTURE = {
    "deepseek_ocr": {
        "sam": sam(1024),
        "clip": clip(),
        "projector": 2048 * HIDDEN + HIDDEN + 2 * HIDDEN,  # and its two marks, newline and separator
        **DECODER,
    },
    "deepseek_ocr2": {
        "sam": sam(896),
        "clip": query_encoder(),
        "projector": 896 * HIDDEN + HIDDEN + HIDDEN,  # and its separator
        **DECODER,
    },
}
PUBLISHED = {"deepseek_ocr": (2710, 3_336_106_240, 602_112), "deepseek_ocr2": (2707, 3_389_119_360, 0)}
"""Tensors and parameters of the published files, and how many of them version 1 does not read: one patch embedding."""


@pytest.mark.parametrize("name", ARCHITECTURE)
def test_every_part_has_the_parameters_of_the_published_architecture(name):
    family = families.get(name)
    model = family.build("full").model
    assert next(model.parameters()).device.type == "meta"
    assert count_parameters(model) == ARCHITECTURE[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_official_layout_has_the_published_tensors(name):
    tensors, parameters, unread = PUBLISHED[name]
    family = families.get(name)
    state = official_state(family.build("full").model)
    assert len(state) + len(family.unread) == tensors
    assert sum(value.numel() for value in state.values()) + unread == parameters


def test_the_routed_experts_are_most_of_the_full_model():
    assert ARCHITECTURE["deepseek_ocr"]["experts"] == 2_422_210_560
    assert ARCHITECTURE["deepseek_ocr"]["experts"] > 0.72 * sum(ARCHITECTURE["deepseek_ocr"].values())


def test_no_padding_token_loses_its_gradient_at_the_published_size():
    for name in ARCHITECTURE:
        embedding = families.get(name).build("full").model.get_input_embeddings()
        assert isinstance(embedding, nn.Embedding)
        assert embedding.padding_idx is None


def test_the_same_seed_gives_the_same_weights():
    one, two, other = (build_size("nano-untrained", seed=seed).model.lm_head.weight for seed in (1, 1, 2))
    assert one.equal(two)
    assert not one.equal(other)


def test_nano_is_small_enough_to_ship():
    assert sum(count_parameters(build_size("nano-untrained").model).values()) < 3_000_000


def test_an_unknown_size_is_refused():
    with pytest.raises(SettingsError, match="no deepseek_ocr size 'huge'; known:"):
        families.get("deepseek_ocr").build("huge")
