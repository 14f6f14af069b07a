import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepsynth.rendering.png import encode_png, quantize


def page(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8))


def decode(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("L")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_eight_bits_keep_every_level(width, height, seed):
    image = page(width, height, seed)
    assert decode(encode_png(image, bits=8)).tobytes() == image.tobytes()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_four_bits_give_the_quantized_page(width, height, seed):
    image = page(width, height, seed)
    assert decode(encode_png(image)).tobytes() == quantize(image).tobytes()


def test_sixteen_levels_lose_at_most_eight_of_255():
    image = page(64, 64)
    difference = np.asarray(image).astype(int) - np.asarray(quantize(image))
    assert np.abs(difference).max() <= 8
    assert quantize(quantize(image)).tobytes() == quantize(image).tobytes()


@pytest.mark.parametrize("bits", [4, 8])
def test_black_and_white_stay_as_they_are(bits):
    image = Image.fromarray(np.array([[0, 255]], np.uint8))
    assert decode(encode_png(image, bits=bits)).tobytes() == b"\x00\xff"


def test_color_is_kept():
    image = Image.new("RGB", (3, 2), (10, 200, 30))
    with Image.open(io.BytesIO(encode_png(image))) as decoded:
        assert decoded.convert("RGB").getpixel((1, 1)) == (10, 200, 30)
