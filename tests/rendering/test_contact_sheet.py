import numpy as np
import pytest
from PIL import Image

from deepsynth.rendering.contact_sheet import BACKGROUND, CELL, GAP, MOST, contact_sheet


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (4, 2, 2), (5, 3, 2), (MOST + 9, 8, 8)])
def test_pages_stand_in_a_square_of_cells(count, columns, rows):
    sheet = contact_sheet([Image.new("L", (128, 128), 255)] * count)
    step = CELL + GAP
    assert sheet.size == (columns * step + GAP, rows * step + GAP)


def test_each_page_is_shown_whole_in_its_proportions():
    sheet = np.asarray(contact_sheet([Image.new("L", (100, 200), 0)]))
    dark = np.argwhere(sheet == 0)
    height, width = dark.max(axis=0) - dark.min(axis=0) + 1
    assert (height, width) == (CELL, CELL // 2)
    assert sheet[0, 0] == BACKGROUND
