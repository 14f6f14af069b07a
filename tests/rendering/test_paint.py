import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.rendering import paint
from deepsynth.rendering.blocks import plain_blocks
from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.layout import Layout, Line
from deepsynth.rendering.paint import PHASES, Painter
from deepsynth.rendering.shaping import GLYPH_CODES, Shaper

LAYOUT = Layout(Shaper("mono", "und"), "und")
SIZE = (200, 40)


def line_of(text: str) -> Line:
    (line,) = LAYOUT.lines(plain_blocks(text), 1000.0)
    return line


def draw(text: str, x: float = 10.0, px: float = 20.0) -> np.ndarray:
    return Painter(px, SIZE).paint([(line_of(text), x, 28)])


def draw_glyph_by_glyph(line: Line, x: float, baseline: int, px: float) -> np.ndarray:
    """The same picture by one raster and one loop a glyph: what the arrays of the painter must equal."""
    width, height = SIZE
    page = np.zeros((height, width), np.uint8)
    for number, offset in zip(line.numbers, line.xs, strict=True):
        codes, places, _ = line.words.glyphs(np.array([number]))
        for code, (within, up) in zip(codes, places, strict=True):
            face, glyph, scale = GLYPH_CODES.glyph(int(code))
            across, down = (
                int(np.floor(v * PHASES + 0.5)) for v in (within * px + (x + offset * px), baseline - up * px)
            )
            raster = hb.RasterDraw()
            em = px * scale / face.upem
            raster.transform = (em, 0.0, 0.0, em, across % PHASES / PHASES, -(down % PHASES) / PHASES)
            raster.draw_glyph(face.font, glyph)
            image = raster.render()
            if image is None:
                continue
            box = image.extents
            rows = np.frombuffer(image.buffer, np.uint8).reshape(box.height, box.stride)[::-1, : box.width]
            for r, c in itertools.product(range(box.height), range(box.width)):
                y, at = down // PHASES - box.y_origin - box.height + r, across // PHASES + box.x_origin + c
                if 0 <= y < height and 0 <= at < width:
                    page[y, at] = max(page[y, at], rows[r, c])
    return page


@pytest.mark.parametrize(
    ("text", "px"),
    [("Tide fjord", 11.3), ("كتاب مُدَرِّس", 14.0), ("ज्वार-भाटा", 12.0), ("น้ำขึ้น", 12.5), ("潮汐", 18.0), ("Ẩ — ﷽", 40.0)],
)
@pytest.mark.parametrize(("x", "baseline"), [(3.1, 28), (-7.0, 20), (170.6, 39), (10.0, 2)])
def test_a_page_equals_the_one_drawn_glyph_by_glyph(text, px, x, baseline):
    line = line_of(text)
    assert (Painter(px, SIZE).paint([(line, x, baseline)]) == draw_glyph_by_glyph(line, x, baseline, px)).all()


def test_a_whole_pixel_moves_the_picture_and_changes_nothing_else():
    assert (draw("Tide", 11.0)[:, 1:] == draw("Tide", 10.0)[:, :-1]).all()


def test_a_quarter_pixel_moves_the_ink_by_a_quarter():
    columns = np.arange(SIZE[0])
    centers = [(draw("Tide", x).sum(axis=0) * columns).sum() / draw("Tide", x).sum() for x in (10.0, 10.25)]
    assert centers[1] - centers[0] == pytest.approx(0.25, abs=0.03)


def test_letters_stand_on_the_baseline():
    ink = draw("HHH")
    rows = np.flatnonzero(ink.max(axis=1) > 128)
    assert rows[-1] == 27
    assert rows[0] == pytest.approx(28 - 0.729 * 20, abs=1)


def test_ink_outside_the_page_is_left_out():
    assert draw("Tide", -1000.0).max() == 0


def test_a_page_without_lines_is_empty():
    page = Painter(10, SIZE).paint([])
    assert page.shape == (40, 200)
    assert page.max() == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abgjQ .,", min_size=1, max_size=30), min_size=2, max_size=6))
def test_the_order_of_pages_and_a_full_atlas_change_nothing(texts):
    lines = [[(line_of(text), 2.3, 20)] for text in texts]
    painter = Painter(13.0, SIZE)
    pages = [painter.paint(page) for page in lines]
    again = [painter.paint(page) for page in reversed(lines)][::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paint, "CACHED_INK", 200)
        small = [painter.paint(page) for page in lines]
    for first, second, third in zip(pages, again, small, strict=True):
        assert (first == second).all()
        assert (first == third).all()
