from PIL import Image

from deepsynth.core.documents import Example, Page
from deepsynth.evaluation.page_files import page_path, save_pages


def test_each_page_is_a_file_named_by_its_row_and_number(tmp_path):
    pages = [Page(document_id="a", number=number, image=Image.new("L", (4, 4), 17 * number)) for number in range(3)]
    names = save_pages(tmp_path, 7, [Example(id="a", pages=tuple(pages[:2])), Example(id="b", pages=tuple(pages[2:]))])
    assert names == [["pages/000007-000.png", "pages/000007-001.png"], ["pages/000008-002.png"]]
    assert page_path(8, 2) == names[1][0]
    with Image.open(tmp_path / names[1][0]) as image:
        assert image.getpixel((0, 0)) == 34


def test_a_row_without_pictures_has_no_files(tmp_path):
    assert save_pages(tmp_path, 0, [Example(id="a", pages=(), text="a lamp")]) == [[]]
    assert list(tmp_path.iterdir()) == []
