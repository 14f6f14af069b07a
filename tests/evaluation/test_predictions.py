import pytest

from deepsynth.core.documents import Summary
from deepsynth.core.errors import InputError
from deepsynth.evaluation.predictions import append_predictions, read_predictions


def summary(text: str) -> Summary:
    return Summary(
        document_id="d", text=text, prompt_tokens=9, visual_tokens=5, generated_tokens=2, seconds=0.1, stop_reason="eos"
    )


def test_predictions_survive_being_appended_to(tmp_path):
    path = tmp_path / "p.jsonl"
    append_predictions(path, {"a": summary("één\nline")})
    append_predictions(path, {"b": summary("")})
    assert read_predictions(path) == {"a": summary("één\nline"), "b": summary("")}


@pytest.mark.parametrize("cut", [1, 40, 5000])
def test_a_line_that_a_crash_cut_short_is_dropped_before_the_next(tmp_path, cut):
    path = tmp_path / "p.jsonl"
    append_predictions(path, {"a": summary("one"), "b": summary("x" * 6000)})
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_predictions(path)) == ["a"]
    append_predictions(path, {"c": summary("three")})
    assert list(read_predictions(path)) == ["a", "c"]
    assert path.read_text().count("\n") == 2


def test_a_file_without_any_whole_line_starts_anew(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"key": "a", "te')
    append_predictions(path, {"b": summary("two")})
    assert list(read_predictions(path)) == ["b"]


@pytest.mark.parametrize("line", ["{broken}", '{"key": "a", "words": 3}', "3", '{"text": "no key"}'])
def test_a_damaged_line_among_others_is_named(tmp_path, line):
    path = tmp_path / "p.jsonl"
    append_predictions(path, {"a": summary("one")})
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"p.jsonl:2 is no prediction"):
        read_predictions(path)


def test_no_file_is_no_prediction(tmp_path):
    assert read_predictions(tmp_path / "gone.jsonl") == {}
