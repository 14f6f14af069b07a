import io
import random
import sys
import zipfile
from pathlib import Path

import pytest

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, MissingExtraError
from deepsynth.rendering import office
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.office import office_markdown
from deepsynth.rendering.renderer import make_renderer

TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
LINKS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
    "</Relationships>"
)
NAMES = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(path: Path, *paragraphs: str, more: bytes = b"") -> Path:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", LINKS)
        archive.writestr(
            "word/document.xml", f'<?xml version="1.0"?><w:document {NAMES}><w:body>{body}</w:body></w:document>'
        )
        if more:
            archive.writestr("word/media/more.bin", more)
    return path


def test_a_word_document_becomes_pages(tmp_path):
    path = docx(tmp_path / "a.docx", "The harbor lamp burns.", "Прилив решает.")
    assert office_markdown(path) == "The harbor lamp burns.\n\nПрилив решает."
    pages = list(make_renderer(RenderConfig()).render(Document(id="a", path=path)))
    assert pages[0].span == (0, len(office_markdown(path)))


def test_html_keeps_its_structure_and_loses_its_scripts(tmp_path):
    path = tmp_path / "a.html"
    path.write_text(
        "<head><title>no</title></head><h2>Tides</h2><script>bad()</script><p>High <b>water</b></p><ul><li>one</li></ul>"
    )
    assert office_markdown(path) == "## Tides\n\nHigh **water**\n\n* one"
    assert list(make_renderer(RenderConfig()).render(Document(id="a", path=path)))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = docx(tmp_path / "bomb.docx", "x", more=bytes(office.MAX_UNPACKED + 1))
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(office, "_library", lambda name: pytest.fail(f"{name} was called"))
    with pytest.raises(InputError, match=r"would unpack to 104,85\d,\d+ bytes in 4 files"):
        office_markdown(path)


def test_an_archive_of_very_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(office, "MAX_MEMBERS", 2)
    with pytest.raises(InputError, match="in 3 files"):
        office_markdown(docx(tmp_path / "a.docx", "x"))


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut"])
def test_a_damaged_word_file_is_named(tmp_path, content):
    path = tmp_path / "broken.docx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.docx is damaged"):
        office_markdown(path)


def repacked(source: bytes, generator: random.Random) -> bytes:
    """A Word file whose parts were forged before they were packed, so that what the archive says about them holds."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as archive, zipfile.ZipFile(target, "w") as forged:
        for name in archive.namelist():
            part = bytearray(archive.read(name))
            for _ in range(generator.randint(0, 4)):
                part[generator.randrange(len(part))] = generator.randrange(256)
            forged.writestr(name, bytes(part))
    return target.getvalue()


def test_cut_and_forged_word_files_are_text_or_one_line_that_names_the_file(tmp_path):
    source, generator = docx(tmp_path / "a.docx", *["harbor lamp"] * 20).read_bytes(), random.Random(0)
    path, refused = tmp_path / "forged.docx", 0
    for turn in range(150):
        content = bytearray(source if turn % 3 else repacked(source, generator))
        if turn % 3 == 1:
            del content[generator.randrange(len(content)) :]
        elif turn % 3 == 2:
            for _ in range(generator.randint(1, 20)):
                content[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(content)
        try:
            office_markdown(path)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 75


def test_entities_that_unfold_without_end_are_refused(tmp_path):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    part = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "harbor">{entities}]><w:document {NAMES}><w:body><w:p><w:r><w:t>&e11;'
    path = tmp_path / "laughs.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", LINKS)
        archive.writestr("word/document.xml", part + "</w:t></w:r></w:p></w:body></w:document>")
    with pytest.raises(InputError, match=r"laughs\.docx is no Word document"):
        office_markdown(path)


def test_an_archive_without_a_document_is_named(tmp_path):
    path = tmp_path / "other.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(InputError, match="no Word document that can be read"):
        office_markdown(path)


def test_html_that_is_nested_without_end_is_an_error_and_no_crash(tmp_path):
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 50_000 + "x")
    try:
        assert office_markdown(path) == "x"
    except InputError as error:
        assert "nested too deeply" in str(error)


def test_without_the_extra_the_install_line_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mammoth", None)
    with pytest.raises(MissingExtraError, match=r"deepsynth\[office\]"):
        office_markdown(docx(tmp_path / "a.docx", "x"))
