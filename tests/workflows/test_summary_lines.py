import pytest

from deepsynth.core.documents import Summary
from deepsynth.core.errors import InputError
from deepsynth.workflows.summary_lines import as_json, open_results, read_keys


def test_a_file_of_something_else_is_not_appended_to(tmp_path):
    (tmp_path / "notes.txt").write_text("my notes\nof today\n")
    with pytest.raises(InputError, match="line 1 of .*notes.txt is no result of this verb"):
        read_keys(tmp_path / "notes.txt")
    assert read_keys(tmp_path / "none") == set()
    (tmp_path / "cut").write_text('{"key": "a"}\n{"key')
    with open_results(tmp_path / "cut") as file:
        file.write("x\n")
    assert (tmp_path / "cut").read_text() == '{"key": "a"}\nx\n'


def test_the_compression_stands_in_the_line_too():
    summary = Summary(
        document_id="a", text="x", prompt_tokens=30, visual_tokens=10, generated_tokens=4, seconds=1.0, stop_reason="eos",
        text_tokens=40,
    )  # fmt: skip
    assert as_json(summary)["compression"] == 4
