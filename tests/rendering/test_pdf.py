"""PDF files are made here by hand, a few objects each, so that sizes and faults are known."""

import random

import numpy as np
import pytest

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.pdf import pdf_text
from deepsynth.rendering.renderer import make_renderer


def make_pdf(texts: list[str], width: float = 200, height: float = 100) -> bytes:
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in texts:
        stream = f"BT /F1 24 Tf 20 40 Td ({text}) Tj ET"
        number = len(objects) + 1
        kids.append(f"{number} 0 R")
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {number + 1} 0 R"
            f" /Resources << /Font << /F1 {font} >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def pages(tmp_path, content: bytes, **values):
    (tmp_path / "a.pdf").write_bytes(content)
    return list(make_renderer(RenderConfig(**values)).render(Document(id="p", path=tmp_path / "a.pdf")))


def test_each_page_is_drawn_at_the_size_of_the_mode(tmp_path):
    found = pages(tmp_path, make_pdf(["Tide", "Lamp"]), mode="tiny")
    assert [page.number for page in found] == [0, 1]
    assert found[0].image.size == (512, 256)
    assert np.asarray(found[0].image).min() < 64
    assert found[0].image.tobytes() != found[1].image.tobytes()


def test_the_text_layer_is_read(tmp_path):
    (tmp_path / "a.pdf").write_bytes(make_pdf(["Tide", "Lamp"]))
    assert pdf_text(tmp_path / "a.pdf").split() == ["Tide", "Lamp"]


def test_only_as_many_pages_as_asked_are_drawn(tmp_path):
    assert len(pages(tmp_path, make_pdf(["a"] * 5), max_pages=2)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no pdf", "cannot be opened as a PDF"),
        (b"", "cannot be opened as a PDF"),
        (make_pdf(["a"])[:60], "cannot be opened as a PDF"),
        (make_pdf(["a"], 40_000, 40_000), "measures 40000 x 40000 points; at most 14400"),
        (make_pdf([]), "has 0 pages|cannot be opened"),
    ],
)
def test_broken_and_monstrous_files_are_one_clear_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        pages(tmp_path, content)


def test_cut_and_forged_files_are_pages_or_one_line_that_names_the_file(tmp_path):
    source, generator, refused = make_pdf(["harbor lamp"] * 3), random.Random(0), 0
    for turn in range(120):
        content = bytearray(source)
        if turn % 3 == 0:
            del content[generator.randrange(len(content)) :]
        else:
            for _ in range(generator.randint(1, 20)):
                content[generator.randrange(len(content))] = generator.randrange(256)
        try:
            pages(tmp_path, bytes(content))
        except InputError as error:
            assert str(tmp_path) in str(error)
            refused += 1
    assert 20 < refused < 120
