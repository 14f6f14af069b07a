import io

import pytest
from PIL import Image

from deepsynth.core.errors import InputError
from deepsynth.web.confined import count_here, count_pages, draw_here, draw_page
from deepsynth.web.errors import UnknownThingError


def pdf(path, pages=2, size=(200, 100)):
    """Write the smallest PDF with empty pages of this size in points."""
    kids = " ".join(f"{number + 3} 0 R" for number in range(pages))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {pages}>>"]
    objects += [f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {size[0]} {size[1]}]>>"] * pages
    body = "%PDF-1.4\n" + "".join(f"{number} 0 obj{text}endobj\n" for number, text in enumerate(objects, 1))
    path.write_text(body + "trailer<</Root 1 0 R>>\n")
    return path


def test_a_page_of_a_pdf_is_drawn_in_a_process_of_its_own(tmp_path):
    file = pdf(tmp_path / "a.pdf")
    assert count_pages(file) == 2
    assert Image.open(io.BytesIO(draw_page(file, 1, 100))).size == (100, 50)
    with pytest.raises(UnknownThingError, match="2 pages"):
        draw_page(file, 2, 100)


@pytest.mark.parametrize("size", [(40_000, 40_000), (1, 40_000)])
def test_a_page_of_absurd_size_is_refused_before_it_takes_memory(tmp_path, size):
    with pytest.raises(InputError, match="too many pixels"):
        draw_here(pdf(tmp_path / "a.pdf", size=size), 0, 20_000)


def test_a_huge_page_at_a_small_width_is_small(tmp_path):
    assert Image.open(io.BytesIO(draw_here(pdf(tmp_path / "a.pdf", size=(40_000, 40_000)), 0, 64))).size == (64, 64)


def test_broken_files_are_errors_in_one_line(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "a.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(InputError, match="PDF cannot be read"):
        count_pages(tmp_path / "a.pdf")
    with pytest.raises(InputError, match="picture cannot be drawn"):
        draw_page(tmp_path / "a.png", 0, 100)


def test_a_picture_bomb_is_refused(tmp_path):
    Image.new("1", (8000, 8000)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="cannot be drawn"):
        draw_page(tmp_path / "a.png", 0, 100)


def test_a_pdf_of_too_many_pages_is_refused(tmp_path):
    with pytest.raises(InputError, match="at most"):
        count_here(pdf(tmp_path / "a.pdf", pages=2001))
