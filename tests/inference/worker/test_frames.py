import asyncio
import io
import struct

import pytest
from PIL import Image

from deepsynth.core.documents import Page
from deepsynth.inference.worker.frames import Frame, pack_pages, read_frame, receive_frame, unpack_pages

FRAMES = [
    Frame(header={"a": "é"}),
    Frame(header={}, blobs=[b"", b"x" * 70_000]),
    Frame(header={"b": [1]}, blobs=[b"y"]),
]


def test_frames_come_out_as_they_went_in_from_a_file_and_from_a_stream():
    data = b"".join(frame.pack() for frame in FRAMES)
    file = io.BytesIO(data)
    assert [read_frame(file) for _ in FRAMES] == FRAMES
    assert read_frame(file) is None

    async def receive():
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return [await receive_frame(stream) for _ in range(4)]

    assert asyncio.run(receive()) == [*FRAMES, None]


def test_a_length_that_nobody_would_write_is_refused():
    with pytest.raises(ValueError, match="larger than"):
        read_frame(io.BytesIO(struct.pack(">I", 2**31)))


def test_pages_keep_their_pixels_and_spans():
    pages = [
        Page(document_id="d", number=0, image=Image.effect_noise((8, 6), 50), span=(0, 4), lines=((0, 2), (2, 4))),
        Page(document_id="d", number=1, image=Image.new("RGB", (3, 5), (1, 2, 3))),
    ]
    again = unpack_pages("d", *pack_pages(pages))
    assert [(page.number, page.span, page.lines, page.image.tobytes()) for page in again] == [
        (page.number, page.span, page.lines, page.image.tobytes()) for page in pages
    ]
