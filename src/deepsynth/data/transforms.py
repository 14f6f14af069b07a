"""Pages as a scanner would give them: turned a little, paler, noisier; never mirrored, never cut.

A page that is turned is also shrunk until all of it fits, so ink in its corners survives and the size of the picture stays what
the model expects. What happens to a page depends on the generator that is passed in and on nothing else.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from deepsynth.data.config import AugmentationConfig

PageTransform = Callable[[Image.Image, random.Random], Image.Image]
"""(page, generator) -> page of the same size and mode"""


def create_training_transform(config: AugmentationConfig) -> PageTransform:
    """Return the function that changes pages for training."""

    def change(image: Image.Image, generator: random.Random) -> Image.Image:
        # Each is drawn whether it is used or not, so that switching one off leaves the others as they were.
        angle = generator.uniform(-config.rotation_degrees, config.rotation_degrees)
        scale = generator.uniform(config.smallest_scale, 1.0)
        brightness = 1 + generator.uniform(-config.brightness, config.brightness)
        contrast = 1 + generator.uniform(-config.contrast, config.contrast)
        radius = generator.uniform(0, config.blur)
        seed = generator.getrandbits(32)
        image = turn(image, angle, scale)
        for enhancer, factor in ((ImageEnhance.Brightness, brightness), (ImageEnhance.Contrast, contrast)):
            image = enhancer(image).enhance(factor) if factor != 1 else image
        image = image.filter(ImageFilter.GaussianBlur(radius)) if radius else image
        return add_noise(image, config.noise, seed)

    return change


def turn(image: Image.Image, degrees: float, scale: float) -> Image.Image:
    """Return the page turned about its middle on white paper, shrunk by `scale` and further until all of it fits."""
    if not degrees and scale == 1:
        return image
    width, height = image.size
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    fits = min(width / (width * cosine + height * abs(sine)), height / (height * cosine + width * abs(sine)))
    factor = 1 / (scale * fits)
    x, y = width / 2, height / 2
    # maps a place of the result to a place of the page, which is how Pillow wants it
    a, b = cosine * factor, sine * factor
    matrix = (a, b, x - a * x - b * y, -b, a, y + b * x - a * y)
    white = 255 if image.mode == "L" else (255, 255, 255)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=white)


def add_noise(image: Image.Image, deviation: float, seed: int) -> Image.Image:
    """Return the page with Gaussian noise of a standard deviation, as a share of the range from black to white."""
    if not deviation:
        return image
    pixels = np.asarray(image, dtype=np.float32)
    pixels = pixels + np.random.default_rng(seed).normal(0, deviation * 255, pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8), image.mode)
