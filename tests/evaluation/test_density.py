import pytest

from deepsynth.core.documents import Document
from deepsynth.evaluation.density import (
    SMALLEST_PX,
    draw_within,
    largest_px,
    legible_compression,
    nominal_page_tokens,
)
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.text import TextRenderer

RENDERING = RenderConfig(mode="nano-128")
TEXT = "The lamp stands in the harbor and warns boats of the tide. " * 4


def pages_at(text: str, px: float) -> int:
    return sum(1 for _ in TextRenderer(RENDERING.override({"px": px})).layout_pages(text))


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_letters_are_as_large_as_the_pages_allow_and_no_larger(pages):
    px = largest_px(TEXT, RENDERING, pages, 40)
    assert px is not None
    assert pages_at(TEXT, px) <= pages
    assert pages_at(TEXT, px + 0.25) > pages


def test_more_text_makes_smaller_letters_and_too_much_none():
    sizes = [largest_px(TEXT[:count], RENDERING, 1, 16) for count in (20, 80, 160)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 16
    assert largest_px(TEXT * 20, RENDERING, 1, 16) is None


def test_letters_larger_than_the_page_do_not_fit():
    assert largest_px("w", RENDERING, 1, 90) is not None
    assert largest_px("w", RENDERING.override({"margin": 40}), 1, 90) < 60


def test_a_drawing_knows_its_tokens_and_whether_it_can_be_read():
    document = Document(id="d", text=TEXT)
    one, three = (draw_within(document, RENDERING, pages, 16) for pages in (1, 3))
    assert (len(one.pages), len(three.pages)) == (1, 3)
    assert one.px < three.px
    assert (one.nominal_tokens, one.visual_tokens) == (16, 21)
    assert (three.nominal_tokens, three.visual_tokens) == (48, 63)
    assert (one.legible, three.legible) == (one.px >= 9, three.px >= 9)
    assert not one.legible
    assert one.whole
    assert three.whole


def test_what_does_not_fit_is_left_out_and_told():
    drawing = draw_within(Document(id="d", text=TEXT * 20), RENDERING, 1, 16)
    assert not drawing.whole
    assert drawing.px == SMALLEST_PX
    assert drawing.pages[-1].span is not None
    assert drawing.pages[-1].span[1] < len(TEXT * 20)


def test_other_scripts_have_other_floors():
    assert draw_within(Document(id="d", text="水位を読み取り警報を出します。" * 4), RENDERING, 1, 16).floor == 12


def test_a_page_of_tiles_counts_its_tiles_and_its_view():
    drawing = draw_within(Document(id="d", text=TEXT), RENDERING.override({"mode": "nano-tiles"}), 1, 16)
    assert drawing.pages[0].image.size == (128, 256)
    assert (drawing.nominal_tokens, drawing.visual_tokens) == (2 * 16 + 64, 8 * 5 + 73)
    assert nominal_page_tokens("gundam") == 6 * 100 + 256


@pytest.mark.parametrize("mode", ["nano-128", "nano-tiles"])
def test_the_limit_of_legibility_parts_pages_that_can_be_read_from_those_that_cannot(mode):
    rendering, words = RENDERING.override({"mode": mode}), " ".join([TEXT] * 40).split()
    limit = legible_compression(Document(id="d", text=" ".join(words)), rendering, lambda text: len(text.split()))
    assert limit is not None
    fits = round(limit * nominal_page_tokens(mode))

    def drawn(count):
        return draw_within(Document(id="d", text=" ".join(words[:count])), rendering, 1, 16)

    assert drawn(round(0.85 * fits)).legible
    assert not drawn(round(1.15 * fits)).legible


def test_a_text_that_fills_no_page_has_no_limit():
    assert legible_compression(Document(id="d", text="A lamp."), RENDERING, len) is None
