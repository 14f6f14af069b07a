import numpy as np
import pytest

from deepsynth.rendering.layout import Layout, plain_blocks
from deepsynth.rendering.paint import Painter
from deepsynth.rendering.shaping import Shaper

LAYOUT = Layout(Shaper("mono", "und"), "und")


def draw(text: str, x: float = 10.0, px: float = 20.0) -> np.ndarray:
    ink = np.zeros((40, 200), np.uint8)
    (line,) = LAYOUT.lines(plain_blocks(text), 100.0)
    Painter(px).draw(ink, line, x, 28)
    return ink


def test_a_whole_pixel_moves_the_picture_and_changes_nothing_else():
    assert (draw("Tide", 11.0)[:, 1:] == draw("Tide", 10.0)[:, :-1]).all()


def test_a_quarter_pixel_moves_the_ink_by_a_quarter():
    columns = np.arange(200)
    centers = [(draw("Tide", x).sum(axis=0) * columns).sum() / draw("Tide", x).sum() for x in (10.0, 10.25)]
    assert centers[1] - centers[0] == pytest.approx(0.25, abs=0.03)


def test_letters_stand_on_the_baseline():
    ink = draw("HHH")
    rows = np.flatnonzero(ink.max(axis=1) > 128)
    assert rows[-1] == 27
    assert rows[0] == pytest.approx(28 - 0.729 * 20, abs=1)


def test_ink_outside_the_page_is_left_out():
    assert draw("Tide", -1000.0).max() == 0
