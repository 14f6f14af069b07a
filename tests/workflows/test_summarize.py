import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from deepsynth.cli.app import main
from deepsynth.core.errors import InputError, Paused
from deepsynth.workflows.summarize import (
    SomeFailedError,
    SummarizeConfig,
    asking_of,
    find_documents,
    run,
)


@pytest.fixture
def folder(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("The harbor lamp " * (1 + 20 * (number % 2)) + str(number))
    return tmp_path


def config(*files, **others):
    return SummarizeConfig.parse(
        {"files": [str(file) for file in files], "model": "tiny", "max_new_tokens": 4, **others}
    )


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_files_and_patterns_become_json_lines_in_their_order(folder, reporter, capsys):
    run(config(folder / "*.txt", json_lines=True), reporter)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["document_id"] for line in lines] == [str(folder / f"{number}.txt") for number in range(5)]
    assert all(line["visual_tokens"] % 21 == 0 and line["stop_reason"] and line["sources"] for line in lines)


def test_the_flag_is_called_json(folder, capsys):
    arguments = ["summarize", str(folder / "0.txt"), "--model", "tiny", "--max-new-tokens", "3", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["generated_tokens"] == 3


def test_a_run_goes_on_where_another_stopped(folder, reporter, tmp_path):
    out = tmp_path / "all.jsonl"
    assert (
        run(config(folder / "0.txt", folder / "1.txt", out=out), reporter).describe() == f"wrote 2 summaries to {out}"
    )
    with out.open("a") as file:
        file.write('{"key": "cut sho')  # a crash
    told = run(config(folder / "*.txt", out=out), reporter)
    assert told.describe() == f"wrote 3 summaries to {out}, 2 were there"
    assert [row["document_id"] for row in rows(out)] == [str(folder / f"{number}.txt") for number in range(5)]
    for change, told in (
        (lambda: None, "wrote 0 summaries"),
        (lambda: (folder / "3.txt").write_text("Another text"), "wrote 1 summaries"),
    ):
        change()
        assert run(config(folder / "*.txt", out=out), reporter).describe().startswith(told)
    assert run(config(folder / "0.txt", out=out, temperature=0.5), reporter).describe().startswith("wrote 1 summaries")


def test_a_signal_stops_the_run_and_the_next_one_ends_it(folder, tmp_path, reporter):
    class Stopper(type(reporter)):
        def progress(self, progress):
            if progress.done == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    out = tmp_path / "all.jsonl"
    with pytest.raises(Paused, match="stopped after 2 of 5 documents; run it again") as stopped:
        run(config(folder / "*.txt", out=out, batch_size=1), Stopper())
    assert stopped.value.exit_code == 75
    kept = rows(out)
    assert 1 <= len(kept) <= 2
    run(config(folder / "*.txt", out=out), reporter)
    assert rows(out)[: len(kept)] == kept
    assert len({row["document_id"] for row in rows(out)}) == len(rows(out)) == 5


@pytest.mark.slow
def test_a_run_over_many_files_that_is_killed_goes_on_with_each_document_once(tmp_path, reporter):
    folder, out = tmp_path / "files", tmp_path / "all.jsonl"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number:03}.txt").write_text(f"The keeper of lamp {number} notes the wind. " * (1 + number % 5))
    command = [sys.executable, "-m", "deepsynth", "summarize", str(folder / "*.txt"), "--model", "tiny"]
    process = subprocess.Popen([*command, "--max-new-tokens", "40", "--min-new-tokens", "40", "--out", str(out)])
    while not out.is_file() or out.read_bytes().count(b"\n") < 20:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    there = out.read_bytes().count(b"\n")
    assert there < 120, "it was killed on the way"
    settings = {"max_new_tokens": 40, "min_new_tokens": 40}
    told = run(config(folder / "*.txt", out=out, **settings), reporter)
    assert told.describe() == f"wrote {120 - there} summaries to {out}, {there} were there"
    assert told.summaries == ()
    undisturbed = run(config(folder / "*.txt", **settings), reporter)
    assert [(row["document_id"], row["text"]) for row in rows(out)] == [
        (summary.document_id, summary.text) for summary in undisturbed.summaries
    ]


def test_broken_files_are_named_and_the_others_summarized(folder, reporter, capsys, tmp_path):
    (folder / "2.txt").write_bytes(b"\xff\xfe broken")
    with pytest.raises(SomeFailedError, match="1 of 5 documents could not be summarized") as failed:
        run(config(folder / "*.txt"), reporter)
    assert failed.value.exit_code == 1
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert any("2.txt is not UTF-8" in message for message in reporter.messages)
    with pytest.raises(InputError, match="is not UTF-8") as refused:
        run(config(folder / "*.txt", keep_going=False), reporter)
    assert refused.value.exit_code == 2


def test_a_stream_shows_the_text_of_one_after_the_other(folder, reporter, capsys):
    files = (folder / "0.txt", folder / "1.txt")
    run(config(*files), reporter)
    plain = capsys.readouterr().out
    assert run(config(*files, stream=True), reporter) is None
    assert capsys.readouterr().out == plain
    with pytest.raises(InputError, match="stream shows plain text"):
        run(config(*files, stream=True, json_lines=True), reporter)


def test_standard_input_is_a_document(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("The harbor lamp"))
    (document,) = find_documents(("-",))
    assert document.text == "The harbor lamp"


def test_fewer_pages_are_read_when_asked(folder, reporter):
    assert run(config(folder / "1.txt"), reporter).summaries[0].pages_used > 1
    assert run(config(folder / "1.txt", max_pages=1), reporter).summaries[0].pages_used == 1


@pytest.mark.parametrize(("files", "message"), [((), "name at least one file"), (("gone.txt",), "no file at gone.txt")])
def test_nothing_to_read_is_one_clear_line(files, message):
    with pytest.raises(InputError, match=message):
        find_documents(files)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder; name its files"):
        find_documents((str(tmp_path),))


def test_an_address_waits_for_its_turn():
    assert find_documents(("https://example.org/a.pdf",)) == ["https://example.org/a.pdf"]


def test_every_setting_of_writing_reaches_the_model():
    asking = asking_of(config("a", top_p=0.5, no_repeat_ngram_size=3, route="auto", reduce="join"))
    assert (asking.writing.top_p, asking.writing.no_repeat_ngram_size) == (0.5, 3)
    assert (asking.route, asking.reduce) == ("auto", "join")
