import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.core.documents import Document
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.costing import estimate_tokens, legibility_floor, plan, plan_all, plan_table
from deepsynth.rendering.text import TextRenderer

TEXT = "The harbor lamp burns from dusk until the morning comes. " * 20


@settings(max_examples=20, deadline=None)
@given(st.floats(6, 20), st.integers(0, 30), st.sampled_from(["nano-128", "nano-256", "tiny"]))
def test_the_plan_counts_the_pages_that_are_drawn(px, margin, mode):
    config = RenderConfig(mode=mode, px=px, margin=margin)
    assert plan(TEXT, config).pages == len(list(TextRenderer(config).render(Document(id="d", text=TEXT))))


def test_compression_is_text_tokens_per_visual_token():
    found = plan(TEXT, RenderConfig(mode="tiny", px=12), lambda _text: 730)
    assert found.pages == 1
    assert found.compression == pytest.approx(10)
    assert (found.visual_tokens, found.nominal_tokens) == (73, 64)


@pytest.mark.parametrize(
    ("text", "floor"), [("tide", 9), ("прилив", 9), ("مد", 10), ("น้ำ", 10), ("水位", 12), ("ज्वार", 12), ("tide 水", 12)]
)
def test_the_most_demanding_script_sets_the_floor(text, floor):
    assert legibility_floor(text, RenderConfig()) == floor


def test_small_letters_are_called_illegible():
    assert not plan(TEXT, RenderConfig(px=8)).legible
    assert plan(TEXT, RenderConfig(px=9)).legible
    assert "no, needs 9 px" in plan_table([plan(TEXT, RenderConfig(px=8))])


def test_modes_whose_page_is_too_small_are_left_out():
    names = {item.mode for item in plan_all(TEXT, RenderConfig(px=90, margin=20))}
    assert "nano-128" not in names
    assert "large" in names


def test_an_estimate_is_never_zero():
    assert estimate_tokens("") == 1
    assert estimate_tokens("x" * 48) == 10
