import random

import numpy as np
import pytest
from PIL import Image

from deepsynth.data.config import AugmentationConfig
from deepsynth.data.transforms import create_training_transform, turn


def page(size=(96, 160), mode="L") -> Image.Image:
    image = Image.new(mode, size, "white")
    width, height = size
    for x, y in ((0, 0), (width - 8, 0), (0, height - 8), (width - 8, height - 8)):
        image.paste("black", (x, y, x + 8, y + 8))
    return image


def ink(image: Image.Image) -> np.ndarray:
    return 255.0 - np.asarray(image.convert("L"), dtype=np.float64)


@pytest.mark.parametrize("size", [(96, 160), (160, 96), (128, 128)])
@pytest.mark.parametrize("degrees", [-8.0, -1.0, 3.0, 8.0])
def test_ink_in_the_corners_survives_turning(size, degrees):
    before, after = ink(page(size)), ink(turn(page(size), degrees, 1.0))
    width, height = size
    fits = min(
        side / (side * np.cos(np.radians(degrees)) + other * abs(np.sin(np.radians(degrees))))
        for side, other in ((width, height), (height, width))
    )
    assert after.sum() == pytest.approx(before.sum() * fits**2, rel=0.08)
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            assert after[rows, columns].sum() == pytest.approx(before[rows, columns].sum() * fits**2, rel=0.1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_size_and_mode_stay(mode):
    change = create_training_transform(AugmentationConfig(noise=0.05, blur=1.0))
    result = change(page(mode=mode), random.Random(1))
    assert (result.size, result.mode) == ((96, 160), mode)


def test_the_generator_alone_decides():
    change = create_training_transform(AugmentationConfig(noise=0.05))
    one, same, other = (change(page(), random.Random(seed)).tobytes() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_nothing_is_mirrored():
    left = Image.new("L", (64, 64), 255)
    left.paste(0, (0, 0, 20, 64))
    change = create_training_transform(AugmentationConfig(brightness=0, contrast=0))
    for seed in range(50):
        changed = ink(change(left, random.Random(seed)))
        assert changed[:, :32].sum() > 50 * changed[:, 32:].sum()


@pytest.mark.parametrize("name", ["rotation_degrees", "brightness", "contrast", "noise", "blur", "smallest_scale"])
def test_every_setting_changes_the_page(name):
    off = {"rotation_degrees": 0, "smallest_scale": 1, "brightness": 0, "contrast": 0, "noise": 0, "blur": 0}
    picture = page()
    assert create_training_transform(AugmentationConfig.parse(off))(picture, random.Random(3)) is picture
    value = 0.5 if name == "smallest_scale" else 0.4
    change = create_training_transform(AugmentationConfig.parse(off | {name: value}))
    assert any(change(picture, random.Random(seed)).tobytes() != picture.tobytes() for seed in range(5))
