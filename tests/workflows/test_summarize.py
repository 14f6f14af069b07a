import io
import json

import pytest

from deepsynth.core.errors import InputError
from deepsynth.workflows.summarize import SummarizeConfig, find_documents, run


def test_files_and_patterns_become_json_lines(tmp_path, reporter):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"The harbor lamp {name}")
    values = {"files": [str(tmp_path / "*.txt")], "model": "tiny", "max_new_tokens": 4, "json_lines": True}
    lines = [json.loads(line) for line in run(SummarizeConfig.parse(values), reporter).describe().splitlines()]
    assert [line["document_id"] for line in lines] == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert all(line["visual_tokens"] == 21 and line["stop_reason"] for line in lines)


def test_the_result_can_go_to_a_file(tmp_path, reporter):
    (tmp_path / "a.txt").write_text("The harbor lamp")
    values = {"files": [str(tmp_path / "a.txt")], "model": "tiny", "max_new_tokens": 4, "out": tmp_path / "s.txt"}
    result = run(SummarizeConfig.parse(values), reporter)
    assert (tmp_path / "s.txt").read_text() == result.summaries[0].text + "\n"


def test_standard_input_is_a_document(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("The harbor lamp"))
    (document,) = find_documents(("-",))
    assert document.text == "The harbor lamp"


def test_fewer_pages_are_read_when_asked(tmp_path, reporter):
    (tmp_path / "a.txt").write_text("The harbor lamp " * 60)
    values = {"files": [str(tmp_path / "a.txt")], "model": "tiny", "max_new_tokens": 2}
    assert run(SummarizeConfig.parse(values), reporter).summaries[0].pages_used > 2
    assert run(SummarizeConfig.parse({**values, "max_pages": 2}), reporter).summaries[0].pages_used == 2


@pytest.mark.parametrize(("files", "message"), [((), "name at least one file"), (("gone.txt",), "no file at gone.txt")])
def test_nothing_to_read_is_one_clear_line(files, message):
    with pytest.raises(InputError, match=message):
        find_documents(files)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder; name its files"):
        find_documents((str(tmp_path),))
