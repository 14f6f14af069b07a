import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.images import flatten
from deepsynth.rendering.renderer import make_renderer


def pages(path, **values):
    return list(make_renderer(RenderConfig(**values)).render(Document(id="i", path=path)))


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds nothing."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


def test_a_picture_is_one_page_and_large_ones_are_scaled(tmp_path):
    Image.new("RGB", (2000, 1000), "red").save(tmp_path / "a.png")
    (page,) = pages(tmp_path / "a.png")
    assert page.image.size == (256, 128)
    assert page.image.getpixel((5, 5)) == (255, 0, 0)


def test_the_camera_decides_what_is_up(tmp_path):
    image = Image.new("L", (40, 20), 255)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert pages(tmp_path / "a.jpg")[0].image.size == (20, 40)


def test_each_frame_of_a_tiff_is_a_page(tmp_path):
    frames = [Image.new("L", (20, 20), level) for level in (0, 100, 200)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    assert [int(np.asarray(page.image).mean()) for page in pages(tmp_path / "a.tiff")] == [0, 100, 200]
    assert len(pages(tmp_path / "a.tiff", max_pages=2)) == 2


def test_transparent_pictures_lie_on_white():
    assert flatten(Image.new("RGBA", (2, 2), (0, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)
    assert flatten(Image.new("1", (2, 2), 1)).mode == "L"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "no picture that can be read"),
        (png_header(40_000, 40_000), "40000 x 40000 pixels|too large"),
        (png_header(50, 50), "is damaged"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=message):
        pages(tmp_path / "a.png")


FORMATS = {
    "png": {},
    "jpg": {"format": "JPEG"},
    "webp": {"format": "WEBP"},
    "tiff": {"format": "TIFF", "compression": "tiff_lzw"},
    "gif": {"format": "GIF"},
    "bmp": {"format": "BMP"},
}


@pytest.mark.parametrize("ending", FORMATS)
def test_cut_and_forged_pictures_are_pages_or_one_line_that_names_the_file(tmp_path, ending):
    target, generator = io.BytesIO(), random.Random(ending)
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(noise).save(target, **{"format": "PNG", **FORMATS[ending]})
    path, refused = tmp_path / f"forged.{ending}", 0
    for turn in range(60):
        content = bytearray(target.getvalue())
        if turn % 3 == 0:
            del content[generator.randrange(len(content)) :]
        else:
            for _ in range(generator.randint(1, 20)):
                content[generator.randrange(200 if turn % 3 == 1 else len(content))] = generator.randrange(256)
        path.write_bytes(content)
        try:
            pages(path)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 10


def test_every_frame_of_a_file_is_held_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("deepsynth.rendering.images.MAX_PIXELS", 1000)
    Image.new("L", (20, 20)).save(tmp_path / "a.tiff", save_all=True, append_images=[Image.new("L", (40, 40))])
    with pytest.raises(InputError, match="40 x 40 pixels"):
        pages(tmp_path / "a.tiff")
