import hashlib
import itertools
import json
import random
import subprocess
import sys
import unicodedata
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
    lines = [line for page in pages for line in page.lines]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(lines))
    assert all(page.span == (page.lines[0][0], page.lines[-1][1]) for page in pages)
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


def test_of_ten_megabytes_on_one_line_the_pages_asked_for_are_drawn():
    renderer = TextRenderer(RenderConfig(mode="tiny", px=12, max_pages=3))
    pages = list(renderer.render(Document(id="d", text="word " * 2_000_000)))
    assert len(pages) == 3


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


def hostile(seed: int) -> tuple[str, str]:
    """A document of one language with the others strewn in, blank lines, tabs, controls, lone surrogates and decomposed letters."""
    generator = random.Random(seed)
    languages = ["en", "fr", "de", "ru", "ar", "he", "hi", "ta", "th", "zh", "ja", "ko"]
    main = languages[seed % len(languages)]
    parts: list[str] = []
    for _ in range(generator.randint(1, 12)):
        piece = TEXTS[main if generator.random() < 0.8 else generator.choice(languages)]
        start = generator.randrange(len(piece) // 2)
        parts.append(piece[start:] if generator.random() < 0.5 else unicodedata.normalize("NFD", piece))
        parts.append(
            generator.choice([" ", "\n", "\n\n", "\t", "\r\n", "\x00", "\ud800", "\u202b", "\u2069", "\u200d", ""])
        )
    return main, "".join(parts) + "."


def check_hostile(seeds: range) -> None:
    renderers = [
        TextRenderer(RenderConfig(mode="nano-256", px=px, font=font)) for px, font in ((9, "sans"), (14, "mono"))
    ]
    for seed in seeds:
        language, raw = hostile(seed)
        text = normalize_text(raw)
        pages = list(renderers[seed % 2].render(Document(id=str(seed), text=raw, language=language)))
        assert joined(pages, text) == text, seed
        assert all(np.asarray(page.image).min() < 128 for page in pages if text[slice(*page.span)].strip()), seed


def test_no_character_is_lost_in_documents_that_mix_languages():
    check_hostile(range(36))


@pytest.mark.slow
def test_no_character_is_lost_in_a_thousand_documents_of_twelve_languages():
    check_hostile(range(1000))


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the peak of the process's own memory from /proc"
)
@pytest.mark.parametrize("unit", ["word ", "x", "漢", "كلمة ", "ก", "a\u0301"])
def test_ten_megabytes_on_one_line_are_drawn_in_bounded_memory(unit):
    code = (
        "from pathlib import Path;from deepsynth.core.documents import Document;from deepsynth.rendering.config import RenderConfig\n"
        "from deepsynth.rendering.text import TextRenderer\n"
        "renderer = TextRenderer(RenderConfig(mode='base', px=10, font='sans', max_pages=5))\n"
        f"unit = {unit!r}; text = unit * (10_000_000 // len(unit.encode()))\n"
        "pages = list(renderer.render(Document(id='d', text=text)))\n"
        # not getrusage: its peak counts what the parent held when it forked
        "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
        "print(len(pages), pages[-1].span[1], int(peak) // 1024)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    pages, end, mebibytes = map(int, shown.split())
    assert pages == 5
    assert end > 10_000
    assert mebibytes < 600


def test_a_page_holds_no_more_lines_than_asked():
    text = "The lamp stands in the harbor. " * 12
    renderer = TextRenderer(RenderConfig(lines=3))
    pages = list(renderer.layout_pages(text))
    assert [len(page) for page in pages[:-1]] == [3] * (len(pages) - 1)
    assert 1 <= len(pages[-1]) <= 3
    drawn = list(renderer.render(Document(id="a", text=text)))
    assert len(drawn) == len(pages) > len(list(TextRenderer(RenderConfig()).render(Document(id="a", text=text))))
    assert [page.span[0] for page in drawn[1:]] == [page.span[1] for page in drawn[:-1]]


def test_columns_are_filled_before_the_next_page_begins():
    renderer = TextRenderer(RenderConfig(lines=2, columns=2, mode="nano-256"))
    pages = list(renderer.layout_pages("The lamp stands in the harbor. " * 12))
    assert {len(page) for page in pages[:-1]} == {4}
