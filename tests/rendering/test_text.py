import hashlib
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, MissingGlyphError
from deepsynth.core.geometry import MODES, mode
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.renderer import make_renderer
from deepsynth.rendering.text import TextRenderer, page_size
from deepsynth.rendering.views import page_views

TEXTS = json.loads((Path(__file__).parents[1] / "assets" / "languages.json").read_text(encoding="utf-8"))
RENDERER = TextRenderer(RenderConfig(mode="nano-256", px=11, margin=6))


def render(text: str, language: str = "und", **values):
    config = RenderConfig(**{"mode": "nano-128", **values})
    return list(TextRenderer(config).render(Document(id="d", text=text, language=language)))


def joined(pages, text: str) -> str:
    assert pages[0].span[0] == 0
    assert all(before.span[1] == after.span[0] for before, after in itertools.pairwise(pages))
    return "".join(text[page.span[0] : page.span[1]] for page in pages)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("font", ["mono", "sans"])
def test_no_character_is_lost_in_any_language(language, font):
    text = normalize_text((TEXTS[language] + "\n") * 12)
    pages = render(text, language if language != "emoji" else "und", font=font)
    assert len(pages) > 1
    assert joined(pages, text) == text


@pytest.mark.parametrize("language", TEXTS)
def test_no_ink_touches_the_border(language):
    for page in render(TEXTS[language] * 6, language if language != "emoji" else "und", margin=4):
        pixels = np.asarray(page.image)
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert border.min() == 255
        assert pixels.min() < 128


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cn", "Co")), max_size=300))
def test_any_text_is_drawn_whole_or_refused_by_name(text):
    try:
        pages = list(RENDERER.render(Document(id="d", text=text))) if text.strip() else []
    except MissingGlyphError as error:
        assert "U+" in str(error)
    except InputError as error:
        assert "no character that can be drawn" in str(error)
    else:
        if pages:
            assert joined(pages, normalize_text(text)) == normalize_text(text)


def test_the_same_text_gives_the_same_bytes_cold_warm_and_in_another_process():
    code = (
        "import hashlib;from deepsynth.core.documents import Document;from deepsynth.rendering.config import RenderConfig\n"
        "from deepsynth.rendering.text import TextRenderer\n"
        f"pages = TextRenderer(RenderConfig()).render(Document(id='d', text={TEXTS['ar'] + TEXTS['hi'] + TEXTS['en']!r}))\n"
        "print(hashlib.sha256(b''.join(page.image.tobytes() for page in pages)).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    renderer = TextRenderer(RenderConfig())
    document = Document(id="d", text=TEXTS["ar"] + TEXTS["hi"] + TEXTS["en"])
    for _ in range(2):
        pages = renderer.render(document)
        assert hashlib.sha256(b"".join(page.image.tobytes() for page in pages)).hexdigest() == other


def test_a_missing_glyph_stops_and_is_named():
    with pytest.raises(MissingGlyphError, match=r"document 'd': no glyph for .*U\+E000.*at character 2"):
        render("ab\ue000c")


@pytest.mark.parametrize(("policy", "expected"), [("replace", "ab\ufffdc"), ("drop", "abc")])
def test_a_missing_glyph_can_be_replaced_or_dropped(policy, expected):
    renderer = TextRenderer(RenderConfig(missing=policy))
    assert renderer.text(Document(id="d", text="ab\ue000c")) == expected


def test_controls_and_lone_surrogates_make_a_page():
    text = normalize_text("a\x00b\ud800c")
    assert text == "ab\ufffdc"
    assert joined(render("a\x00b\ud800c"), text) == text


@pytest.mark.parametrize("text", ["x" * 3000, "x" * 3000 + " y", "漢" * 500, "\u0301" * 40 + "a"])
def test_a_word_wider_than_the_page_is_cut_between_letters(text):
    assert joined(render(text), normalize_text(text)) == normalize_text(text)


def test_ten_megabytes_on_one_line_take_linear_time_and_little_memory():
    renderer = TextRenderer(RenderConfig(mode="tiny", px=12, max_pages=3))
    began = time.monotonic()
    pages = list(renderer.render(Document(id="d", text="word " * 2_000_000)))
    assert len(pages) == 3
    assert time.monotonic() - began < 20


def test_pages_beyond_the_limit_are_not_drawn_and_what_is_left_is_told(caplog):
    pages = render("line\n" * 200, max_pages=2)
    assert len(pages) == 2
    assert f"document 'd': {1000 - pages[-1].span[1]} characters lie behind page 2" in caplog.text


def test_columns_follow_one_another():
    text = "".join(f"{number}\n" for number in range(40))
    one, two = render(text, mode="nano-256"), render(text, mode="nano-256", columns=2)
    assert len(one) > len(two)
    assert joined(two, text) == text
    right = np.asarray(two[0].image)[:, 128:]
    assert right.min() < 128


def test_letters_larger_than_the_page_are_refused():
    with pytest.raises(InputError, match="leaves no room for letters of 96"):
        render("a", px=96, margin=60)


@pytest.mark.parametrize("page_mode", MODES.values(), ids=lambda item: item.name)
def test_a_drawn_page_passes_through_its_mode_unchanged(page_mode):
    width, height = page_size(page_mode)
    page = render("Hello", mode=page_mode.name)[0]
    assert page.image.size == (width, height)
    views = page_views(page.image, page_mode)
    if page_mode.tile is None:
        assert (views.global_view[:, :, 0] == np.asarray(page.image)).all()
    else:
        assert views.tiles is not None
        columns, rows = views.grid
        assert (columns * page_mode.tile, rows * page_mode.tile) == (width, height)
        assert (views.tiles[0][:, :, 0] == np.asarray(page.image)[: page_mode.tile, : page_mode.tile]).all()


def test_a_text_file_is_read_as_utf8(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Été", encoding="utf-8")
    pages = list(make_renderer(RenderConfig()).render(Document(id="a", path=path)))
    assert pages[0].span == (0, 3)
    assert pages[0].image.size == (mode("nano-128").size,) * 2
