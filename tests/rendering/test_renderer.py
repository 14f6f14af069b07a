import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import document_kind, make_renderer, read_text


@pytest.mark.parametrize(
    ("name", "kind"), [("a.txt", "text"), ("a.MD", "markdown"), ("a.pdf", "pdf"), ("a.jpeg", "image")]
)
def test_the_ending_tells_the_kind(tmp_path, name, kind):
    (tmp_path / name).write_text("x")
    assert document_kind(Document(id="a", path=tmp_path / name)) == kind


def test_text_in_memory_is_text_unless_it_says_otherwise():
    assert document_kind(Document(id="a", text="x")) == "text"
    assert document_kind(Document(id="a", text="x", meta={"kind": "markdown"})) == "markdown"


def test_an_unknown_ending_lists_the_known_ones(tmp_path):
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(InputError, match=r"a\.xyz has an unknown ending; known: \.txt"):
        document_kind(Document(id="a", path=tmp_path / "a.xyz"))


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file at .*gone\.txt"):
        document_kind(Document(id="a", path=tmp_path / "gone.txt"))


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b" \n", "is empty"), (b"ab\xff", r"not UTF-8 text \(byte 2\)")]
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_text(tmp_path / "a.txt")


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert read_text(tmp_path / "a.txt") == "hello"


@pytest.mark.parametrize("max_pages", [None, 2])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf", "a.tiff"])
def test_pages_are_counted_without_drawing_them(tmp_path, name, max_pages):
    path = tmp_path / name
    if path.suffix in (".pdf", ".tiff"):
        Image.new("L", (20, 20)).save(path, save_all=True, append_images=[Image.new("L", (20, 20))] * 3)
    else:
        path.write_text("<p>The harbor lamp burns.</p>" * 40)
    renderer = make_renderer(RenderConfig(max_pages=max_pages))
    document = Document(id="a", path=path)
    assert renderer.count(document) == len(list(renderer.render(document))) == (max_pages or renderer.count(document))
