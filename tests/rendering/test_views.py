"""The views equal what the official preprocessing made of the same pictures, bit for bit (recorded hashes)."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepsynth.core.geometry import Mode, mode
from deepsynth.core.processor import Pixels
from deepsynth.rendering.views import page_views

ASSETS = Path(__file__).parents[1] / "assets" / "preprocess"
GOLDEN = json.loads((ASSETS / "golden_preprocess.json").read_text(encoding="utf-8"))
OUR_NAMES = {"base768": "v2-768", "base1024": "v2-1024", "dynamic": "v2-dynamic"}
CASES = [
    (name, recorded_mode, facts)
    for version in ("v1", "v2")
    for name, picture in GOLDEN[version].items()
    for recorded_mode, facts in picture["modes"].items()
]


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()).hexdigest()


@pytest.mark.parametrize(("name", "recorded_mode", "facts"), CASES, ids=[f"{name}-{kind}" for name, kind, _ in CASES])
def test_views_equal_the_official_pixels(name, recorded_mode, facts):
    with Image.open(ASSETS / "images" / f"{name}.png") as image:
        views = page_views(image, mode(OUR_NAMES.get(recorded_mode, recorded_mode)))
    assert list(views.grid) == facts["crop_grid_wh"]
    assert views.tokens == facts["num_image_tokens"]
    assert digest(views.global_view) == facts["global"]["sha256_uint8_chw"]
    tiles = () if views.tiles is None else views.tiles
    assert [digest(tile) for tile in tiles] == [tile["sha256_uint8_chw"] for tile in facts.get("tiles", [])]


def test_a_page_drawn_for_its_mode_is_passed_through():
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
    views = page_views(Image.fromarray(pixels), mode("nano-128"))
    assert (views.global_view == pixels[:, :, None]).all()


def test_tiles_put_together_are_the_resized_page():
    pixels = np.random.default_rng(0).integers(0, 256, (256, 128, 3), np.uint8)
    tiled = Mode("tiled", "v1", 128, token_px=32, tile=128, max_tiles=2)
    views = page_views(Image.fromarray(pixels), tiled)
    assert views.grid == (1, 2)
    assert views.tiles is not None
    assert (np.concatenate(list(views.tiles)) == pixels).all()
