import io

import pytest
from PIL import Image

from deepsynth.web.errors import UnknownThingError
from deepsynth.web.row_pages import row_page


def test_a_row_drawn_when_read_has_its_page(dataset):
    content = row_page(dataset, 1, "train", 0, 0)
    assert Image.open(io.BytesIO(content)).size == (128, 128)
    with pytest.raises(UnknownThingError, match="rows"):
        row_page(dataset, 1, "train", 10**6, 0)
