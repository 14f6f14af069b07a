import io
import subprocess
import sys

import pytest
from PIL import Image

from deepsynth.inference.refusals import TooLargeError
from deepsynth.inference.worker.drawing_process import DrawLimits, answer, draw
from deepsynth.inference.worker.frames import Frame
from deepsynth.rendering.config import RenderConfig

RENDERING = RenderConfig(mode="nano-128")


def png(width, height):
    target = io.BytesIO()
    Image.new("L", (width, height), 255).save(target, "PNG")
    return target.getvalue()


def test_parts_become_pages_of_one_document():
    pages, text = draw([("text", b"The lamp"), ("image", png(40, 30))], RENDERING, DrawLimits())
    assert [page.number for page in pages] == [0, 1]
    assert text is None
    assert draw([("text", b"The lamp"), ("markdown", b"# Tide")], RENDERING, DrawLimits())[1] == "The lamp\n\n# Tide"


@pytest.mark.parametrize(
    ("part", "limits", "message"),
    [
        (("text", b"lamp " * 900), {"pages": 3}, "document-1 needs more than 3 pages"),
        (("text", b"lamp " * 900), {"text_chars": 100}, "document-1 has 4,500 characters; at most 100"),
        (("image", png(50, 50)), {"pixels": 2000}, "document-1 has 50 x 50 pixels; at most 2,000"),
    ],
)
def test_what_is_larger_than_the_limits_is_refused(part, limits, message):
    with pytest.raises(TooLargeError, match=message):
        draw([part], RENDERING, DrawLimits.parse(limits))


def test_messages_do_not_name_folders_of_this_machine():
    frame = Frame(header={"kinds": ["pdf"], "rendering": {}, "limits": {}}, blobs=[b"%PDF-1.7 nothing"])
    error = answer(frame).header["error"]
    assert error["kind"] == "InputError"
    assert error["message"].startswith("document-1.pdf cannot be opened as a PDF")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_memory_is_limited():
    code = (
        "from deepsynth.inference.worker.drawing_process import limit_memory\n"
        "limit_memory(2**30)\n"
        "try:\n    b'x' * 2**31\nexcept MemoryError:\n    print('refused')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "refused\n"
