import numpy as np
import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, ModelError, SettingsError
from deepsynth.inference.loading import load_any, usual_rendering, weights_fingerprint
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing
from deepsynth.models import save_model
from deepsynth.rendering.config import RenderConfig

TEXTS = ["The lamp stands in the harbor.", "A much longer text about the tide, " * 12, "水位を読む"]


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


def test_pages_have_the_levels_that_training_has_seen(summarizer):
    example = summarizer.example(documents()[0])
    assert set(np.unique(np.asarray(example.pages[0].image))) <= set(range(0, 256, 17))


def test_a_mode_that_does_not_fit_the_model_is_refused():
    with pytest.raises(SettingsError, match="mode 'base' does not fit"):
        Summarizer.load("tiny", rendering=RenderConfig(mode="base"))


def test_a_model_folder_gives_the_summaries_of_the_model_it_was_saved_from(summarizer, tmp_path):
    save_model(summarizer.loaded, tmp_path / "model")
    again = Summarizer.load(tmp_path / "model", rendering=summarizer.rendering)
    writing = Writing(max_new_tokens=6)
    assert [item.text for item in again.summarize(documents(), writing=writing)] == [
        item.text for item in summarizer.summarize(documents(), writing=writing)
    ]
    assert again.fingerprint == weights_fingerprint(tmp_path / "model") != "tiny"


def test_the_published_size_cannot_be_run_without_its_weights():
    with pytest.raises(ModelError, match="full is the published size without its weights"):
        Summarizer.load("full")


def test_what_is_no_model_is_an_error():
    with pytest.raises(ModelError, match="neither a model folder nor a hub id"):
        load_any("nowhere")


def test_a_model_that_nobody_described_gets_its_usual_mode():
    assert usual_rendering(load_any("tiny")).mode == "nano-128"


def test_the_shortest_length_is_kept(summarizer):
    found = summarizer.summarize(documents()[0], writing=Writing(max_new_tokens=9, min_new_tokens=9))[0]
    assert found.generated_tokens == 9


def test_the_package_itself_offers_it_and_loads_nothing_before():
    import deepsynth

    assert deepsynth.Summarizer is Summarizer
    assert deepsynth.Writing is Writing
    with pytest.raises(AttributeError, match="no attribute 'Sumarizer'"):
        deepsynth.Sumarizer  # noqa: B018


def test_many_lengths_in_any_batch_size_give_the_summaries_of_one_by_one(summarizer):
    texts = [f"{word} {number} " * (1 + 7 * (number % 5)) for number in range(12) for word in ("buoy",)]
    given = [Document(id=str(number), text=text) for number, text in enumerate(texts)]
    writing = Writing(max_new_tokens=12, repetition_times=0)
    alone = [summarizer.summarize(document, writing=writing)[0].text for document in given]
    for size in (2, 5, 12):
        together = summarizer.summarize(given, writing=writing, batch_size=size)
        assert [summary.text for summary in together] == alone


def test_modes_of_all_kinds_stand_in_one_batch(summarizer):
    asked = [("nano-128", 21), ("nano-192", 43), ("nano-256", 73)]
    jobs = [
        summarizer.job(documents()[0], summarizer.asking(mode=name, writing=Writing(max_new_tokens=6)))
        for name, _ in asked
    ]
    together = dict(summarizer.each(jobs, batch_size=3))
    for number, (name, tokens) in enumerate(asked):
        alone = summarizer.summarize(documents()[0], mode=name, writing=Writing(max_new_tokens=6))[0]
        assert (together[number].text, together[number].mode) == (alone.text, name)
        assert together[number].visual_tokens == tokens == alone.visual_tokens


def test_a_document_that_cannot_be_read_is_named_and_the_others_are_written(summarizer, tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    items = [documents()[0], Document(id="broken.pdf", path=tmp_path / "broken.pdf"), documents()[2]]
    asking = summarizer.asking(writing=Writing(max_new_tokens=3))
    found = dict(summarizer.each(summarizer.job(item, asking) for item in items))
    assert isinstance(found[1], InputError)
    assert "broken.pdf cannot be opened as a PDF" in str(found[1])
    assert found[0].document_id == "d0"
    assert found[2].document_id == "d2"


def test_the_pages_of_one_document_may_come_as_pictures(summarizer):
    pages = [Image.new("L", (128, 128), 255), Image.new("L", (128, 128), 0)]
    summary = summarizer.summarize([pages], writing=Writing(max_new_tokens=3))[0]
    assert (summary.pages_used, summary.visual_tokens) == (2, 42)


def test_an_unknown_setting_is_refused_with_the_nearest_name(summarizer):
    with pytest.raises(SettingsError, match="did you mean 'route'"):
        summarizer.summarize(documents(), rute="text")


def test_an_address_is_fetched_only_when_that_is_said(summarizer):
    with pytest.raises(InputError, match="urls=True"):
        summarizer.summarize("http://127.0.0.1:9/a.txt")
