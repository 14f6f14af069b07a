import numpy as np
import pytest

from deepsynth.core.geometry import mode
from deepsynth.core.processor import EncodedExample, PageViews

MODE = mode("nano-128")


def views() -> PageViews:
    return PageViews(mode=MODE, global_view=np.zeros((128, 128, 3), np.uint8))


def test_a_view_of_another_size_is_refused():
    with pytest.raises(ValueError, match="nano-128 needs a view"):
        PageViews(mode=MODE, global_view=np.zeros((64, 64, 3), np.uint8))


def test_tiles_must_fit_their_grid():
    with pytest.raises(ValueError, match="does not fit 0 tiles"):
        PageViews(mode=mode("gundam"), global_view=np.zeros((1024, 1024, 3), np.uint8), grid=(2, 1))


def test_placeholders_must_match_the_pages():
    ids = np.zeros(30, np.int64)
    mask = np.arange(30) < MODE.tokens()
    values = {"id": "e", "input_ids": ids, "labels": ids, "views": (views(),)}
    assert EncodedExample(**values, image_token_mask=mask).views[0].tokens == 21
    with pytest.raises(ValueError, match="'e': 20 placeholders for pages of 21"):
        EncodedExample(**values, image_token_mask=np.arange(30) < 20)
