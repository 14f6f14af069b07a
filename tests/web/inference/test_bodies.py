import io

import pytest
from PIL import Image

from deepsynth.core.errors import InputError
from deepsynth.inference.refusals import BusyError, WrongTypeError
from deepsynth.web.inference.bodies import Held, check_kind, parse_json, sniff


def picture(kind):
    target = io.BytesIO()
    Image.new("RGB", (4, 4)).save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\xef\xbb\xbf\n%PDF-1.4", "application/pdf"),
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (picture("WEBP"), "image/webp"),
        (picture("GIF"), "image/gif"),
        (picture("TIFF"), "image/tiff"),
        (picture("BMP"), "image/bmp"),
        ("Müller".encode(), "text"),
        (b"M\xfcller", ""),
        (b"a\x00b", ""),
        (b"PK\x03\x04\x00", ""),
    ],
)
def test_content_is_known_by_its_first_bytes(content, found):
    assert sniff(content) == found


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (picture("PNG"), "application/pdf"),
        (b"%PDF-1.7", "image/png"),
        (b"%PDF-1.7", "text/plain"),
        (picture("JPEG"), "image/png"),
        (b"GIF89a", "text/plain"),
        (b"text", "application/zip"),
        (b"text", ""),
    ],
)
def test_a_lying_or_unknown_type_is_refused(content, declared):
    with pytest.raises(WrongTypeError):
        check_kind(content, declared)


def test_a_true_type_gives_the_kind():
    assert check_kind(b"# Tide", "text/markdown") == "markdown"
    assert check_kind(picture("WEBP"), "image/webp") == "image"


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"nul", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(InputError):
        parse_json(body)


def test_bodies_share_a_limit_of_memory():
    held = Held(10)
    held.take(8)
    with pytest.raises(BusyError, match="fill the memory"):
        held.take(3)
    assert held.now == 8
