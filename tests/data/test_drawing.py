import io

import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.data.drawing import document_of, draw_block, why_undrawable
from deepsynth.rendering.config import RenderConfig

RENDERING = RenderConfig()
TEXT = "The harbor lamp is lit at dusk."


def test_a_block_is_drawn_in_order_and_one_bad_document_harms_no_other(tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"no PDF")
    documents = [
        Document(id="a", text=TEXT),
        Document(id="b", path=tmp_path / "broken.pdf"),
        Document(id="c", text="private \ue000"),
        Document(id="d", text=TEXT * 400),
        Document(id="e", text=TEXT),
    ]
    drawn = draw_block(RENDERING, 4, documents)
    assert [item.reason for item in drawn] == [
        None,
        "cannot-be-drawn",
        "character-without-glyph",
        "too-many-pages",
        None,
    ]
    assert "broken.pdf" in drawn[1].detail
    assert drawn[0].pages == drawn[4].pages
    with Image.open(io.BytesIO(drawn[0].pages[0])) as page:
        assert page.size == (128, 128)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(TEXT, None), ("\ue000", "character-without-glyph"), (TEXT * 400, "too-many-pages")],
)
def test_what_cannot_be_drawn_is_told_without_drawing(text, reason):
    assert why_undrawable(Document(id="d", text=text), RENDERING, 4) == reason


def test_a_lax_renderer_has_nothing_against_a_character_without_glyph():
    lax = RenderConfig(missing="replace")
    assert why_undrawable(Document(id="d", text=TEXT + "\ue000"), lax, 4) is None


def test_a_stored_row_gives_its_document_back(tmp_path):
    row = {"id": "a", "text": TEXT, "path": None, "language": "fr", "kind": "markdown"}
    assert document_of(row) == Document(id="a", text=TEXT, language="fr", meta={"kind": "markdown"})
    row = {**row, "path": str(tmp_path / "a.pdf"), "kind": None}
    assert document_of(row) == Document(id="a", path=tmp_path / "a.pdf", language="fr")
