import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from deepsynth.data.config import AugmentationConfig
from deepsynth.data.transforms import change_weight, create_training_transform, place

DRAWN = {"fonts", "letter_size"}  # they act where text is drawn (`test_looks.py`), not on pictures
OFF = {"smallest_scale": 1} | {
    name: 0 for name in AugmentationConfig.model_fields if name not in {"smallest_scale", *DRAWN}
}


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
    before, after = ink(page(size)), ink(place(page(size), degrees, 1.0, [0.0] * 8))
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


@pytest.mark.parametrize("name", sorted(OFF))
def test_every_setting_changes_the_page(name):
    picture = page().filter(ImageFilter.GaussianBlur(1))
    assert create_training_transform(AugmentationConfig.parse(OFF))(picture, random.Random(3)) is picture
    value = {"smallest_scale": 0.5, "perspective": 0.05}.get(name, 0.4)
    change = create_training_transform(AugmentationConfig.parse(OFF | {name: value}))
    assert any(change(picture, random.Random(seed)).tobytes() != picture.tobytes() for seed in range(5))


STRONG = AugmentationConfig(
    rotation_degrees=6,
    smallest_scale=0.9,
    perspective=0.03,
    brightness=0.1,
    contrast=0.2,
    weight=0.3,
    paper=0.2,
    jpeg=0.8,
    blur=0.7,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(96, 160), (160, 96), (128, 128)]), st.sampled_from(["L", "RGB"]))
def test_no_ink_is_lost_whatever_the_generator_says(seed, size, mode):
    changed = ink(create_training_transform(STRONG)(page(size, mode), random.Random(seed)))
    paper = np.median(changed)
    width, height = size
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            corner = changed[rows, columns]
            assert corner.max() > paper + 80  # the mark of this corner is still there and dark
            assert ((corner - paper) > 40).sum() >= 0.5 * 64 * 0.8**2  # with at least half of its area


def test_a_page_seen_askew_keeps_its_corners_inside():
    image = place(page((100, 100)), 0.0, 1.0, [0.05] * 8)
    found = np.argwhere(np.asarray(image) < 128)
    assert found.min() >= 4
    assert found.max() <= 95
    assert place(page((100, 100)), 0.0, 1.0, [0.0] * 8).tobytes() == page((100, 100)).tobytes()


def test_bolder_strokes_hold_more_ink_and_thinner_ones_less():
    plain = ink(page()).sum()
    assert ink(change_weight(page(), 0.3)).sum() > plain > ink(change_weight(page(), -0.3)).sum()


def test_switching_one_change_off_leaves_the_others_as_they_were():
    turned = create_training_transform(AugmentationConfig.parse(OFF | {"rotation_degrees": 3}))
    both = create_training_transform(AugmentationConfig.parse(OFF | {"rotation_degrees": 3, "paper": 0.3}))
    without, shaded = ink(turned(page(), random.Random(5))), ink(both(page(), random.Random(5)))
    assert ((without > 200) == (shaded > 200)).mean() > 0.99
