import errno
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pyarrow.parquet as pq
import pytest
from tests.data.conftest import write_rows

from deepsynth.core.errors import InputError, SettingsError, StorageError
from deepsynth.core.files import read_manifest
from deepsynth.core.progress import SilentReporter
from deepsynth.data import prepared
from deepsynth.data import shards as shards_module
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.data.prepared import PreparedDataset


def content(folder):
    return {path.name: pq.read_table(path).to_pylist() for path in sorted(folder.glob("*.parquet"))}


def test_every_good_row_is_kept_once_with_its_own_summary(prepare):
    rows = [row for shard in content(prepare()).values() for row in shard]
    assert sorted(row["id"] for row in rows) == sorted(f"rows.jsonl:{number + 1}" for number in range(40))
    assert all(row["text"].startswith(f"The {row['summary']} ") for row in rows)
    assert all(row["pages"] for row in rows)


def test_bad_rows_are_counted_and_listed_while_good_ones_are_kept(prepare, rows_file):
    with rows_file.open("a") as file:
        file.write('{"text": "cut off\n{"title": "no text"}\n{"text": "", "summary": "x"}\n')
    folder = prepare()
    report = json.loads((folder / "report.json").read_text())
    listed = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    assert sum(report["splits"].values()) == 40
    assert sum(report["rejected"].values()) == len(listed) == 3
    assert {row["where"] for row in listed} == {f"{rows_file.name}:{number}" for number in (41, 42, 43)}


def test_a_character_without_glyph_keeps_its_row_out(prepare, rows_file):
    with rows_file.open("a") as file:
        file.write(
            json.dumps({"text": "A private character \ue000 in a text that is long enough", "summary": "private text"})
            + "\n"
        )
    report = json.loads((prepare() / "report.json").read_text())
    assert report["rejected"] == {"character-without-glyph": 1}


def test_running_again_changes_nothing(prepare):
    folder = prepare()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert prepare() == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_dataset_is_not_written_over(prepare):
    prepare()
    with pytest.raises(InputError, match=r"holds another dataset \(differs in cleaning\)"):
        prepare(cleaning={"min_chars": 50})


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is no JSON"), ("[1]", "holds no settings of a dataset"), ('{"a": 1}', "holds another dataset")],
)
def test_a_folder_of_something_else_is_not_written_over(prepare, content, message):
    folder = prepare()
    (folder / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=message):
        prepare()
    assert (folder / "dataset.json").read_text() == content


@pytest.mark.parametrize("values", [{"reading": {"text_column": "body"}}, {"cleaning": {"min_chars": 5000}}])
def test_after_a_start_that_came_to_nothing_other_settings_may_use_the_folder(prepare, tmp_path, values):
    whole = content(prepare(out=tmp_path / "whole"))
    with pytest.raises(InputError, match=r"no column 'body'|no row that can be used"):
        prepare(**values)
    assert content(prepare()) == whole


def test_what_an_interrupted_run_has_read_is_not_thrown_away_for_other_settings(prepare, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("deepsynth.data.filling.write_shard", lambda path, rows: (_ for _ in ()).throw(KeyboardInterrupt))
        prepare()
    with pytest.raises(InputError, match=r"holds another dataset \(differs in cleaning\)"):
        prepare(cleaning={"min_chars": 41})


@pytest.mark.parametrize("shards", [1, 2, 4])
def test_a_run_that_stopped_goes_on_and_equals_an_undisturbed_one(prepare, tmp_path, monkeypatch, shards):
    whole = content(prepare())
    written = []
    real = shards_module.write_shard

    def failing(path, rows):
        if len(written) == shards:
            raise KeyboardInterrupt
        written.append(path)
        real(path, rows)

    monkeypatch.setattr("deepsynth.data.filling.write_shard", failing)
    with pytest.raises(KeyboardInterrupt):
        prepare(out=tmp_path / "again")
    assert not (tmp_path / "again" / "manifest.json").exists()
    monkeypatch.undo()
    assert content(prepare(out=tmp_path / "again")) == whole


def test_a_full_disk_is_one_clear_line_and_loses_no_shard(prepare, tmp_path, monkeypatch):
    real, count = os.fsync, [0]

    def fsync(handle):
        count[0] += 1
        if count[0] > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match="the disk is full"):
        prepare()
    kept = sorted((tmp_path / "out").glob("*.parquet"))
    assert kept
    monkeypatch.undo()
    prepare()
    assert read_manifest(tmp_path / "out")


def test_a_second_process_on_the_folder_is_refused_by_name(prepare, tmp_path, rows_file):
    with prepared.exclusive(tmp_path / "out"):
        code = (
            "from deepsynth.data.prepare import *; from deepsynth.core.progress import SilentReporter\n"
            f"Preparation(PrepareConfig(source={str(rows_file)!r}, out={str(tmp_path / 'out')!r}), SilentReporter()).run()"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"is being written by process {os.getpid()}" in answer.stderr


def test_no_usable_row_is_an_error_that_says_why(prepare):
    with pytest.raises(InputError, match="no row that can be used .40 document-too-short"):
        prepare(cleaning={"min_chars": 5000})


def test_pages_drawn_on_reading_equal_the_stored_ones(prepare, tmp_path):
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import TaskExamples

    stored = PreparedDataset(prepare())
    later = PreparedDataset(prepare(out=tmp_path / "later", pages="on-the-fly"))
    config = DataConfig()
    one = TaskExamples(stored.split("train"), config, stored.rendering)
    two = TaskExamples(later.split("train"), config, later.rendering)
    assert len(one) == len(two)
    for index in range(len(one)):
        assert [page.image.tobytes() for page in one[index].pages] == [
            page.image.tobytes() for page in two[index].pages
        ]


def run(values: dict) -> None:
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()


def test_a_missing_column_a_wrong_type_huge_text_and_binary_bytes_are_listed_and_the_rest_is_kept(prepare, rows_file):
    bad = [
        json.dumps({"text": "no summary in this row of the harbor"}),
        json.dumps({"text": 17, "summary": "a number instead of a text"}),
        json.dumps({"text": ["a", "list"], "summary": "a list instead of a text"}),
        json.dumps({"text": "huge " * 100_000, "summary": "a text that is far too long"}),
        json.dumps({"text": "\x00\x01\x02\x03" * 50, "summary": "bytes that are no text"}),
        b"\xff\xfe\x00broken".decode("latin-1"),
    ]
    with rows_file.open("a", encoding="latin-1") as file:
        file.write("\n".join(bad) + "\n")
    folder = prepare()
    report = json.loads((folder / "report.json").read_text())
    listed = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    assert sum(report["splits"].values()) == 40
    assert report["rejected"] == {"wrong-type": 2, "bad-encoding": 1, "binary": 1, "missing-column": 1, "too-long": 1}
    assert [row["where"] for row in listed] == [f"rows.jsonl:{number}" for number in range(41, 47)]
    assert all(row["detail"] for row in listed)


def test_progress_tells_each_stage_with_its_total(prepare, reporter, tmp_path, rows_file):
    values = {"source": str(rows_file), "out": tmp_path / "told", "rows_per_shard": 8}
    Preparation(PrepareConfig.parse(values), reporter).run()
    last = {step.message: (step.done, step.total) for step in reporter.steps}
    assert last["reading"] == last["drawing"] == (40, 40)
    assert 0 < last["keeping splits apart"][0] == last["keeping splits apart"][1] < 40


def test_each_row_says_where_it_comes_from(prepare, tmp_path):
    (tmp_path / "hub" / "fr").mkdir(parents=True)
    rows = [
        {"text": f"Le gardien du phare numéro {n} note le vent chaque soir.", "summary": f"gardien {n}"}
        for n in range(9)
    ]
    for split in ("train", "test"):
        lines = "".join(json.dumps({**row, "text": f"{split}: {row['text']}"}) + "\n" for row in rows)
        (tmp_path / "hub" / "fr" / f"{split}.jsonl").write_text(lines)
    folder = prepare(
        source=str(tmp_path / "hub"), reading={"subset": "fr"}, cleaning={"near_duplicates": "keep", "leaks": "keep"}
    )
    rows = [row for shard in content(folder).values() for row in shard]
    identities = {(row["source"], row["configuration"], row["original_split"], row["original_index"]) for row in rows}
    assert identities == {("hub:fr", "fr", split, index) for split in ("train", "test") for index in range(9)}
    assert {row["content_hash"] for row in rows} == {hashlib.sha256(row["text"].encode()).hexdigest() for row in rows}


def test_a_broken_pdf_in_a_folder_is_listed_and_the_rest_is_kept(prepare, tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"The keeper of lamp {number} writes down the strength of the wind.")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.7 torn")
    report = json.loads((prepare(source=str(folder), reading={"require_summary": False}) / "report.json").read_text())
    assert (sum(report["splits"].values()), report["rejected"]) == (3, {"unreadable-document": 1})


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_fifty_random_moments_the_dataset_is_the_same_in_the_end(tmp_path):
    """Datasets are killed up to five times each, anywhere between their first and their last byte, then finished."""
    rows = write_rows(tmp_path / "rows.jsonl", 400)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([Preparation.__module__, "deepsynth.data.languages", "rensa"])
    generator, kills, stages = random.Random(8), 0, set()

    def used(process):
        try:
            return sum(psutil.Process(process.pid).cpu_times()[:2])
        except psutil.NoSuchProcess:
            return 0.0

    def start(out):
        process = context.Process(target=run, args=({"source": str(rows), "out": str(out), "rows_per_shard": 16},))
        process.start()
        return process

    whole = start(tmp_path / "whole")
    needed = 0.0  # seconds of processor time: a busy machine stretches any other clock
    while whole.is_alive():
        needed = max(needed, used(whole))
        time.sleep(0.002)
    for number in itertools.count():
        out = tmp_path / f"broken-{number}"
        for _ in range(5):
            process, last = start(out), generator.uniform(0.02, 0.6) * needed
            while process.is_alive() and used(process) < last:
                time.sleep(0.002)
            process.kill()
            process.join()
            kills += process.exitcode == -signal.SIGKILL
            stages.add((len(list(out.glob("*.parquet"))) > 0, (out / ".work").is_dir()))
        final = start(out)
        final.join()
        assert final.exitcode == 0
        assert read_manifest(out) == read_manifest(tmp_path / "whole")
        assert not (out / ".work").exists()
        if kills >= 50:
            break
    assert {(False, True), (True, True)} <= stages, "kills struck while reading and while drawing"


@pytest.mark.parametrize(("repeats", "kept"), [(10, True), (60, False), (5000, False)])
def test_documents_of_too_many_pages_are_kept_out(prepare, rows_file, repeats, kept):
    row = {"text": "The harbor lamp burns. " * repeats, "summary": "a lamp burns"}
    rows_file.write_text(
        json.dumps({"text": "A row that is there in any case, about ropes.", "summary": "any case"})
        + "\n"
        + json.dumps(row)
        + "\n"
    )
    report = json.loads((prepare(cleaning={"max_pages": 4}) / "report.json").read_text())
    assert report["rejected"] == ({} if kept else {"too-many-pages": 1})


def test_the_source_has_one_name():
    with pytest.raises(SettingsError, match="named by `source`, not by `reading.source`"):
        PrepareConfig.parse({"source": "packages", "reading": {"source": "debian"}})
