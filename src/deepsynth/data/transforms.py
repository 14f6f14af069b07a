"""Pages as a scanner would give them: turned, seen askew, paler, on shaded paper, noisier; never mirrored, never cut.

A page that is turned or seen askew is also shrunk until all of it fits, so ink in its corners survives and the size of the
picture stays what the model expects. What happens to a page depends on the generator that is passed in and on nothing else.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from deepsynth.data.config import AugmentationConfig

PageTransform = Callable[[Image.Image, random.Random], Image.Image]
"""(page, generator) -> page of the same size and mode"""

WORST_JPEG = 30
"""Quality at a `jpeg` of 1; at 0 it is 95."""


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
        askew = [generator.uniform(0, config.perspective) for _ in range(8)]
        weight = generator.uniform(-config.weight, config.weight)
        shade, direction = generator.uniform(0, config.paper), generator.uniform(0, 2 * math.pi)
        quality = 95 - round(generator.uniform(0, config.jpeg) * (95 - WORST_JPEG))
        image = place(image, angle, scale, askew)
        image = change_weight(image, weight)
        for enhancer, factor in ((ImageEnhance.Brightness, brightness), (ImageEnhance.Contrast, contrast)):
            image = enhancer(image).enhance(factor) if factor != 1 else image
        image = shade_paper(image, shade, direction)
        image = image.filter(ImageFilter.GaussianBlur(radius)) if radius else image
        image = add_noise(image, config.noise, seed)
        return through_jpeg(image, quality) if config.jpeg else image

    return change


def place(image: Image.Image, degrees: float, scale: float, askew: list[float]) -> Image.Image:
    """Return the page turned about its middle on white paper, shrunk by `scale` and further until all of it fits.

    `askew` moves the four corners inwards, as shares of width and height (x and y of each, from the upper left clockwise):
    a page seen from the side.
    """
    if not degrees and scale == 1 and not any(askew):
        return image
    width, height = image.size
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    fits = scale * min(width / (width * cosine + height * abs(sine)), height / (height * cosine + width * abs(sine)))
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    targets: list[tuple[float, float]] = []
    for (x, y), dx, dy in zip(corners, askew[::2], askew[1::2], strict=True):
        a, b = (x - width / 2) * (1 - 2 * dx), (y - height / 2) * (1 - 2 * dy)  # inwards, whichever corner it is
        targets.append((width / 2 + fits * (cosine * a - sine * b), height / 2 + fits * (sine * a + cosine * b)))
    white = 255 if image.mode == "L" else (255, 255, 255)
    kind, resample = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    return image.transform(image.size, kind, _homography(targets, corners), resample, fillcolor=white)


def _homography(sources: list[tuple[float, float]], targets: list[tuple[float, float]]) -> list[float]:
    """Return the eight numbers by which Pillow maps a place of the result to a place of the page."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(sources, targets, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return np.linalg.solve(np.array(rows, np.float64), np.array(targets, np.float64).ravel()).tolist()


def change_weight(image: Image.Image, weight: float) -> Image.Image:
    """Return the page with bolder (positive) or thinner strokes: blended with its ink spread or shrunk by a pixel."""
    if not weight:
        return image
    return Image.blend(
        image, image.filter(ImageFilter.MinFilter(3) if weight > 0 else ImageFilter.MaxFilter(3)), abs(weight)
    )


def shade_paper(image: Image.Image, depth: float, direction: float) -> Image.Image:
    """Return the page with its light falling off by up to `depth` towards `direction` (radians), as under a lamp."""
    if not depth:
        return image
    width, height = image.size
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * np.float32(math.cos(direction))
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * np.float32(math.sin(direction))
    light = 1 - np.float32(depth) * (down[:, None] + across[None, :] + np.float32(0.71)) / np.float32(1.42)
    pixels = np.asarray(image, np.float32) * (light if image.mode == "L" else light[:, :, None])
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8), image.mode)


def add_noise(image: Image.Image, deviation: float, seed: int) -> Image.Image:
    """Return the page with Gaussian noise of a standard deviation, as a share of the range from black to white."""
    if not deviation:
        return image
    pixels = np.asarray(image, dtype=np.float32)
    pixels = pixels + np.random.default_rng(seed).normal(0, deviation * 255, pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8), image.mode)


def through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Return the page as it comes back from a JPEG file."""
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=quality)
    with Image.open(packed) as found:
        return found.convert(image.mode)
