import pytest

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.inference.writing import Writing

TEXT = "A much longer text about the tide, " * 12


def test_a_stream_joins_to_the_summary(summarizer):
    writing = Writing(max_new_tokens=24, repetition_times=0)
    stream = summarizer.stream(Document(id="d1", text=TEXT), writing=writing)
    pieces = list(stream)
    assert len(pieces) > 3
    assert (
        "".join(pieces)
        == stream.summary.text
        == summarizer.summarize(Document(id="d1", text=TEXT), writing=writing)[0].text
    )


def test_a_stream_that_nobody_reads_to_its_end_leaves_nothing_behind(summarizer):
    stream = iter(summarizer.stream(Document(id="d1", text=TEXT), writing=Writing(max_new_tokens=30)))
    next(stream)
    stream.close()
    assert summarizer.engine.load == (0, 0)


def test_what_cannot_be_summarized_is_raised_when_the_text_is_asked_for(summarizer, tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    stream = summarizer.stream(tmp_path / "broken.pdf")
    with pytest.raises(InputError, match=r"broken.pdf"):
        list(stream)
    assert stream.summary is None
