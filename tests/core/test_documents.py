import hashlib

import pytest
from PIL import Image

from deepsynth.core.documents import Document, Example, Page, Record, Score, Summary
from deepsynth.core.errors import InputError


def page(mode: str = "L") -> Page:
    return Page(document_id="d", number=0, image=Image.new(mode, (4, 4)))


@pytest.mark.parametrize("values", [{}, {"text": "a", "path": "b"}])
def test_a_document_is_text_or_file_and_never_both(values):
    with pytest.raises(InputError, match="'d' needs either text or a path"):
        Document(id="d", **values)


def test_an_empty_document_is_named():
    with pytest.raises(InputError, match="'d' is empty"):
        Document(id="d", text=" \n")


def test_the_content_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("é".encode())
    expected = hashlib.sha256("é".encode()).hexdigest()
    assert Document(id="a", path=path).content_hash == Document(id="b", text="é").content_hash == expected


def test_an_empty_reference_is_refused():
    with pytest.raises(InputError, match="summary of document 'd' is empty"):
        Record(document=Document(id="d", text="x"), summary="  ")


def test_a_page_is_gray_or_color():
    assert page("RGB").image.mode == "RGB"
    with pytest.raises(InputError, match="mode RGBA"):
        page("RGBA")


def test_an_example_needs_something_to_read():
    with pytest.raises(InputError, match="neither pages nor text"):
        Example(id="e", pages=())
    assert Example(id="e", pages=(page(),)).summary is None


def test_compression_is_text_tokens_per_visual_token():
    values = {"document_id": "d", "text": "t", "prompt_tokens": 90, "generated_tokens": 3, "seconds": 0.1}
    summary = Summary(**values, visual_tokens=64, stop_reason="eos", text_tokens=640)
    assert summary.compression == 10
    assert Summary(**values, visual_tokens=0, stop_reason="eos", text_tokens=640).compression is None


def test_an_interval_holds_its_mean():
    with pytest.raises(ValueError, match="does not hold"):
        Score(mean=3, low=1, high=2, n=5)
