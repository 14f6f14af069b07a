from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, ModelError, SettingsError
from deepsynth.inference.summarizer import (
    Summarizer,
    Writing,
    as_document,
    load_any,
    stop_reason,
    usual_rendering,
    weights_fingerprint,
)
from deepsynth.models import save_model
from deepsynth.rendering.config import RenderConfig

TEXTS = ["The lamp stands in the harbor.", "A much longer text about the tide, " * 12, "水位を読む"]


@pytest.fixture(scope="module")
def summarizer():
    return Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128"))


def documents():
    return [Document(id=f"d{number}", text=text) for number, text in enumerate(TEXTS)]


def test_batched_summaries_equal_those_written_one_by_one(summarizer):
    writing = Writing(max_new_tokens=8)
    together = summarizer.summarize(documents(), writing=writing)
    alone = [summarizer.summarize(document, writing=writing)[0] for document in documents()]
    assert [summary.text for summary in together] == [summary.text for summary in alone]
    assert [summary.document_id for summary in together] == ["d0", "d1", "d2"]


def test_a_summary_tells_what_it_cost(summarizer):
    summary = summarizer.summarize(documents()[1], writing=Writing(max_new_tokens=5))[0]
    assert summary.pages_used >= 3
    assert summary.visual_tokens == 21 * summary.pages_used
    assert summary.prompt_tokens > summary.visual_tokens
    assert summary.generated_tokens <= 5
    assert summary.seconds > 0
    assert summary.compression == pytest.approx(summary.text_tokens / summary.visual_tokens)


def test_another_page_gives_another_loss_and_the_same_page_the_same_text(summarizer):
    one, two = (summarizer.summarize(documents()[0])[0].text for _ in range(2))
    assert one == two


def test_files_and_pictures_are_read(summarizer, tmp_path):
    (tmp_path / "a.txt").write_text(TEXTS[0])
    Image.new("L", (200, 100), 255).save(tmp_path / "b.png")
    writing = Writing(max_new_tokens=3)
    found = summarizer.summarize(
        [tmp_path / "a.txt", str(tmp_path / "b.png"), Image.new("RGB", (90, 90))], writing=writing
    )
    assert [summary.document_id for summary in found] == ["a.txt", "b.png", "image"]
    text = summarizer.summarize(Document(id="a", text=TEXTS[0]), writing=writing)[0]
    assert found[0].text == text.text


def test_an_absent_file_is_named(summarizer):
    with pytest.raises(InputError, match="no file at gone.txt"):
        as_document("gone.txt", 0)


def test_pages_have_the_levels_that_training_has_seen(summarizer):
    example = summarizer.example(documents()[0])
    assert set(np.unique(np.asarray(example.pages[0].image))) <= set(range(0, 256, 17))


def test_a_mode_that_does_not_fit_the_model_is_refused():
    with pytest.raises(SettingsError, match="mode 'base' does not fit"):
        Summarizer.load("tiny", rendering=RenderConfig(mode="base"))


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([5, 6, 1], "eos"),
        ([5, 6, 7], "length"),
        ([5, 6, 7, 8] * 3, "repetition"),
        ([9] * 12, "repetition"),
        ([], "length"),
    ],
)
def test_the_reason_to_stop_is_told(ids, reason):
    assert stop_reason(ids, eos=1) == reason


def test_a_model_folder_gives_the_summaries_of_the_model_it_was_saved_from(summarizer, tmp_path):
    save_model(summarizer.loaded, tmp_path / "model")
    again = Summarizer.load(tmp_path / "model", rendering=summarizer.rendering)
    writing = Writing(max_new_tokens=6)
    assert [item.text for item in again.summarize(documents(), writing=writing)] == [
        item.text for item in summarizer.summarize(documents(), writing=writing)
    ]
    assert again.fingerprint == weights_fingerprint(tmp_path / "model") != "tiny"


def test_what_is_no_model_is_an_error():
    with pytest.raises(ModelError, match="neither a model folder nor a hub id"):
        load_any("nowhere")


def test_a_model_that_nobody_described_gets_its_usual_mode():
    assert usual_rendering(load_any("tiny")).mode == "nano-128"


def test_the_shortest_length_is_kept(summarizer):
    found = summarizer.summarize(documents()[0], writing=Writing(max_new_tokens=9, min_new_tokens=9))[0]
    assert found.generated_tokens == 9
    assert replace(Writing(), num_beams=2) != Writing()
