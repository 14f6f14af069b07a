from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from deepsynth.data.sources import lines
from deepsynth.data.sources.columns import RowError
from deepsynth.data.sources.lines import count_lines, read_lines

LINES = [f"line {number}\n".encode() for number in range(3)]


def read(path: Path) -> list[object]:
    return [line.reason if isinstance(line, RowError) else line for _, line in read_lines(path)]


def test_a_huge_line_is_skipped_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 64)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 500 + b"\n" + b"".join(LINES))
    assert read(path) == ["too-long", *LINES]


def test_a_truncated_archive_keeps_what_can_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(LINES) * 20_000, compresslevel=1)[:-2000])
    found = list(read_lines(path))
    number, last = found[-1]
    assert isinstance(last, RowError)
    assert last.reason == "damaged-file"
    assert (found[0], number) == ((1, LINES[0]), len(found))
    assert len(found) > 100


def test_lines_are_counted_where_nothing_must_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"".join(LINES))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"".join(LINES)))
    assert count_lines(tmp_path / "a.csv", head=1) == 2
    assert count_lines(tmp_path / "a.csv.gz") is None
