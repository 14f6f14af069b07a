from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from deepsynth.core.documents import Record
from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import DocumentSource, Rejection
from deepsynth.data.sources.tables import TableSource


def write_rows(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_rows_carry_split_place_and_number(tmp_path: Path) -> None:
    good = {"text": "a document", "summary": "s"}
    files = {
        "train": [write_rows(tmp_path / "a.jsonl", good, {"text": 1, "summary": "s"}, good)],
        "test": [write_rows(tmp_path / "b.jsonl", good)],
    }
    source = TableSource("mine", files, SourceConfig())
    rows = list(source.rows())
    found = [row.document.id for row in rows if isinstance(row, Record)]
    assert found == ["train/a.jsonl:1", "train/a.jsonl:3", "test/b.jsonl:1"]
    assert [row.document.meta for row in rows if isinstance(row, Record)] == [
        {"index": "0", "split": "train"},
        {"index": "2", "split": "train"},
        {"index": "0", "split": "test"},
    ]
    assert rows[1] == Rejection(where="train/a.jsonl:2", reason="wrong-type", detail="'text' holds int, not text")


def test_iterating_keeps_the_good_rows_and_lists_the_bad(tmp_path: Path) -> None:
    name = write_rows(tmp_path / "a.jsonl", {"text": "good", "summary": "s"}, {"text": "no summary"})
    source = TableSource("mine", {"": [name]}, SourceConfig())
    assert isinstance(source, DocumentSource)
    for _ in range(2):
        assert [record.document.text for record in source] == ["good"]
        assert [bad.reason for bad in source.rejected] == ["missing-column"]


def test_only_the_splits_asked_for_are_read(tmp_path: Path) -> None:
    row = {"text": "good", "summary": "s"}
    files = {split: [write_rows(tmp_path / f"{split}.jsonl", row)] for split in ("train", "test")}
    source = TableSource("mine", files, SourceConfig(splits=("test",)))
    assert [record.document.meta["split"] for record in source] == ["test"]
    with pytest.raises(InputError, match=r"no split 'dev'; it has: train, test"):
        TableSource("mine", files, SourceConfig(splits=("dev",)))


def test_the_fingerprint_follows_the_file_and_the_reading(tmp_path: Path) -> None:
    name = write_rows(tmp_path / "a.jsonl", {"text": "good", "summary": "s"})
    before = TableSource("mine", {"": [name]}, SourceConfig()).fingerprint
    assert TableSource("mine", {"": [name]}, SourceConfig(limit=5)).fingerprint == before
    assert TableSource("mine", {"": [name]}, SourceConfig(max_chars=5)).fingerprint != before
    os.utime(name, ns=(1, 1))
    assert TableSource("mine", {"": [name]}, SourceConfig()).fingerprint != before


def test_a_wrong_path_is_told_before_the_first_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file at"):
        TableSource("mine", {"": [str(tmp_path / "absent.jsonl")]}, SourceConfig())


def test_files_are_fetched_one_at_a_time(tmp_path: Path) -> None:
    for name in "abc":
        write_rows(tmp_path / f"{name}.jsonl", {"text": "good", "summary": name})
    fetched: list[str] = []

    def fetch(name: str) -> Path:
        fetched.append(name)
        return tmp_path / name

    files = {"": ["a.jsonl", "b.jsonl", "c.jsonl"]}
    source = TableSource("mine", files, SourceConfig(), fetch=fetch, identity={"commit": "1"})
    rows = iter(source)
    assert next(rows).summary == "a"
    assert set(fetched) == {"a.jsonl"}
    assert [row.summary for row in rows] == ["b", "c"]


def test_a_split_of_a_file_without_splits_says_how_rows_are_divided(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match="a has no split 'test'; it has: none, so its rows are divided"):
        TableSource("a", {"": [str(tmp_path / "a.jsonl")]}, SourceConfig(splits=("test",)))
