import hashlib

import pytest
from PIL import Image

from deepsynth.core.documents import Checkpoint, Document, Example, Page, Progress, Record, Report, Score, Summary
from deepsynth.core.errors import CheckpointError, InputError
from deepsynth.core.files import new_folder


def page(mode: str = "L") -> Page:
    return Page(document_id="d", number=0, image=Image.new(mode, (4, 4)))


@pytest.mark.parametrize("values", [{}, {"text": "a", "path": "b"}])
def test_a_document_is_text_or_file_and_never_both(values):
    with pytest.raises(InputError, match="'d' needs either text or a path"):
        Document(id="d", **values)


def test_an_empty_document_is_named():
    with pytest.raises(InputError, match="'d' is empty"):
        Document(id="d", text=" \n")


def test_the_content_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("é".encode())
    expected = hashlib.sha256("é".encode()).hexdigest()
    assert Document(id="a", path=path).content_hash == Document(id="b", text="é").content_hash == expected


def test_an_empty_reference_is_refused():
    with pytest.raises(InputError, match="summary of document 'd' is empty"):
        Record(document=Document(id="d", text="x"), summary="  ")


def test_a_page_is_gray_or_color():
    assert page("RGB").image.mode == "RGB"
    with pytest.raises(InputError, match="mode RGBA"):
        page("RGBA")


def test_an_example_needs_something_to_read():
    with pytest.raises(InputError, match="neither pages nor text"):
        Example(id="e", pages=())
    assert Example(id="e", pages=(page(),)).summary is None


def test_compression_is_text_tokens_per_visual_token():
    values = {"document_id": "d", "text": "t", "prompt_tokens": 90, "generated_tokens": 3, "seconds": 0.1}
    summary = Summary(**values, visual_tokens=64, stop_reason="eos", text_tokens=640)
    assert summary.compression == 10
    assert Summary(**values, visual_tokens=0, stop_reason="eos", text_tokens=640).compression is None


def test_an_interval_holds_its_mean():
    with pytest.raises(ValueError, match="does not hold"):
        Score(mean=3, low=1, high=2, n=5)


def test_a_checkpoint_is_a_folder_that_was_finished(tmp_path):
    with pytest.raises(CheckpointError, match="never finished"):
        Checkpoint(folder=tmp_path, step=3)
    with new_folder(tmp_path / "checkpoint-3", {"step": 3}) as folder:
        (folder / "weights").write_bytes(b"1")
    assert Checkpoint(folder=tmp_path / "checkpoint-3", step=3).step == 3
    with pytest.raises(CheckpointError, match="holds step 3, not 4"):
        Checkpoint(folder=tmp_path / "checkpoint-3", step=4)


@pytest.mark.parametrize(("done", "total"), [(-1, None), (5, 4)])
def test_more_than_all_cannot_be_done(done, total):
    with pytest.raises(ValueError, match="cannot be done"):
        Progress(done=done, total=total)


def test_a_report_scores_the_rows_that_it_holds():
    values = {"title": "t", "rows": ({}, {}), "settings": {}, "data_fingerprint": "f"}
    score = Score(mean=1, low=1, high=1, n=2)
    assert Report(scores={"model": {"rouge1": score}}, **values).title == "t"
    with pytest.raises(ValueError, match="2 rows holds scores over"):
        Report(scores={"model": {"rouge1": Score(mean=1, low=1, high=1, n=3)}}, **values)


@pytest.mark.parametrize(
    ("changed", "message"), [({"stop_reason": "tired"}, "none of eos"), ({"visual_tokens": 99}, "do not fit")]
)
def test_a_summary_cannot_contradict_itself(changed, message):
    values = {
        "document_id": "d",
        "text": "t",
        "prompt_tokens": 90,
        "visual_tokens": 64,
        "generated_tokens": 3,
        "seconds": 0.1,
        "stop_reason": "eos",
    }
    with pytest.raises(ValueError, match=message):
        Summary(**values | changed)
