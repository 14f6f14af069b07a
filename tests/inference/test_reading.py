from pathlib import Path

import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.inference.reading import Reader, as_document, with_text
from deepsynth.rendering.config import RenderConfig


@pytest.fixture
def reader():
    return Reader(RenderConfig(mode="nano-128"))


def test_an_absent_file_is_named():
    with pytest.raises(InputError, match="no file at gone.txt"):
        as_document("gone.txt", 0)


def test_a_file_of_text_brings_its_text(reader, tmp_path):
    (tmp_path / "a.md").write_text("# Tide\n\nThe *lamp* stands.")
    example = reader.example(Document(id="a.md", path=tmp_path / "a.md"))
    assert example.text == "# Tide\n\nThe *lamp* stands."
    assert with_text(Document(id="a", path=tmp_path / "a.md")).meta["kind"] == "markdown"


def test_a_text_cut_by_the_page_limit_counts_only_what_stands_on_the_pages(tmp_path):
    text = "The harbor lamp " * 60
    whole = Reader(RenderConfig(mode="nano-128")).example(Document(id="a", text=text))
    cut = Reader(RenderConfig(mode="nano-128", max_pages=2)).example(Document(id="a", text=text))
    assert len(cut.pages) == 2 < len(whole.pages)
    assert whole.text == text
    assert cut.text == text[: cut.pages[-1].span[1]]


def test_pictures_are_one_document_each_or_the_pages_of_one(reader):
    assert len(reader.example(Image.new("RGBA", (9, 9))).pages) == 1
    assert [page.number for page in reader.example([Image.new("L", (9, 9))] * 3).pages] == [0, 1, 2]


def test_a_large_picture_is_made_small_at_once(reader):
    page = reader.example(Image.new("RGB", (3000, 1500))).pages[0]
    assert page.image.size == (256, 128)


def test_what_is_a_document_already_stays_as_it_is():
    document = Document(id="a", text="b")
    assert as_document(document, 0) is document
    assert as_document(Path(__file__), 3).id == "test_reading.py"
