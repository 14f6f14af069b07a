import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering import blocks
from deepsynth.rendering.blocks import Block, batches, plain_blocks, split_styles
from deepsynth.rendering.shaping import PLAIN, Style

BOLD = Style(bold=True)


@given(st.lists(st.text("ab \u0301", max_size=60), max_size=12))
def test_batches_hold_every_character_once_and_long_paragraphs_come_alone(texts):
    text = "\n".join(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LONGEST_PIECE", 16)
        patch.setattr(blocks, "BATCH", 40)
        found = list(batches(plain_blocks(text)))
    pieces = [piece for batch in found for piece in batch]
    assert "".join(piece.text + ("\n" if piece.last else "") for piece in pieces).rstrip("\n") == text.rstrip("\n")
    assert all(len(batch) == 1 for batch in found if len(batch[0].block.text) > 32)
    assert all(len(piece.text) <= 32 for piece in pieces)


def test_parts_keep_their_styles_wherever_the_text_begins():
    block = Block("plain bold rest", 0, 15, styles=((6, PLAIN), (10, BOLD)))
    assert list(split_styles(block, 0, block.text)) == [("plain ", PLAIN), ("bold", BOLD), (" rest", PLAIN)]
    assert list(split_styles(block, 8, "ld re")) == [("ld", BOLD), (" re", PLAIN)]
    assert list(split_styles(block, 12, "est")) == [("est", PLAIN)]
