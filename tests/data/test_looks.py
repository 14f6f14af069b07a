import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.core.documents import Document
from deepsynth.data.config import AugmentationConfig, DataConfig
from deepsynth.data.looks import VariedRenderer, varies_looks
from deepsynth.data.prepared import PreparedDataset, TaskExamples
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.renderer import make_renderer

PLAIN = RenderConfig(px=11.0)
VARIED = AugmentationConfig(fonts=("sans", "serif"), letter_size=0.2)


def document(number: int, text: str = "The harbor lamp burns.") -> Document:
    return Document(id=f"row-{number}", text=text)


def test_examples_differ_in_face_and_size_and_come_back_the_same():
    renderer = VariedRenderer(PLAIN, VARIED, seed=3)
    looks = [renderer.look(document(number)) for number in range(60)]
    assert {look.font for look in looks} == {"mono", "sans", "serif"}
    assert len({look.px for look in looks}) > 5
    renderer.epoch = 1
    assert [renderer.look(document(number)) for number in range(60)] != looks
    renderer.epoch = 0
    assert [renderer.look(document(number)) for number in range(60)] == looks
    assert VariedRenderer(PLAIN, VARIED, seed=4).look(document(1)) != renderer.look(document(1))


def test_nothing_varies_at_zero():
    assert not varies_looks(AugmentationConfig())
    assert not varies_looks(None)
    assert varies_looks(AugmentationConfig(fonts=("sans",)))
    assert varies_looks(AugmentationConfig(letter_size=0.1))
    assert VariedRenderer(PLAIN, AugmentationConfig()).look(document(1)) == PLAIN


@pytest.mark.parametrize(("text", "floor"), [("The harbor lamp", 9.0), ("港口的燈從黃昏亮到清晨", 11.0)])
def test_letters_stay_as_large_as_their_script_needs_or_as_they_were(text, floor):
    renderer = VariedRenderer(PLAIN, AugmentationConfig(letter_size=0.5))
    sizes = [renderer.look(document(number, text)).px for number in range(50)]
    assert min(sizes) == floor
    assert max(sizes) > 15


@settings(max_examples=15, deadline=None)
@given(st.text("abc de\nשל漢", min_size=1, max_size=800).filter(str.strip), st.integers(0, 5))
def test_no_character_is_lost_and_no_page_added(text, epoch):
    renderer = VariedRenderer(PLAIN, AugmentationConfig(fonts=("sans",), letter_size=0.5))
    renderer.epoch = epoch
    pages = list(renderer.render(document(epoch, text)))
    shown = normalize_text(text)
    assert "".join(shown[slice(*page.span)] for page in pages) == shown
    assert len(pages) == renderer.count(document(epoch, text)) <= make_renderer(PLAIN).count(document(epoch, text))


def pixels(rows: TaskExamples) -> list[bytes]:
    return [np.asarray(page.image).tobytes() for index in range(8) for page in rows[index].pages]


def test_a_split_draws_its_rows_in_changing_looks_that_take_turns(prepare):
    dataset = PreparedDataset(prepare())
    split, config = dataset.split("train"), DataConfig(tasks={"read": 1.0})
    plain = TaskExamples(split, config, dataset.rendering)
    varied = TaskExamples(split, config, dataset.rendering, looks=VARIED, variants=2)
    first, keys = pixels(varied), [varied.page_key(index) for index in range(8)]
    assert first != pixels(plain)
    assert keys != [plain.page_key(index) for index in range(8)]
    varied.set_epoch(1)
    assert pixels(varied) != first
    varied.set_epoch(2)
    assert (pixels(varied), [varied.page_key(index) for index in range(8)]) == (first, keys)
