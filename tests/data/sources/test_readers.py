from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from deepsynth.core.errors import InputError
from deepsynth.data.sources.columns import RowError
from deepsynth.data.sources.readers import find_format

ROWS = [{"text": f"document {number}", "summary": f"s{number}"} for number in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(path: Path) -> list[object]:
    form = find_format(path)
    rows = form.rows(path, form.columns(path))
    return [row.reason if isinstance(row, RowError) else dict(row) for _, row in rows]


def places(path: Path) -> list[str]:
    form = find_format(path)
    return [where for where, row in form.rows(path, form.columns(path)) if isinstance(row, RowError)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", b"\xef\xbb\xbf" + LINES),
        ("a.jsonl.gz", gzip.compress(LINES, mtime=0)),
        ("a.jsonl.xz", lzma.compress(LINES)),
        ("a.jsonl.zst", zstandard.compress(LINES[:20]) + zstandard.compress(LINES[20:])),
        ("a.csv", b"text,summary\n" + b"".join(f"document {n},s{n}\r\n".encode() for n in range(3))),
        ("a.tsv", b"text\tsummary\n" + b"".join(f"document {n}\ts{n}\n".encode() for n in range(3))),
        ("semicolons.csv", b"\xef\xbb\xbftext;summary\n" + b"".join(f"document {n};s{n}\n".encode() for n in range(3))),
    ],
)
def test_every_kind_of_text_table_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path) == ROWS


def test_parquet_and_both_kinds_of_arrow_give_the_same_rows(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "file.arrow", table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_stream(tmp_path / "stream.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in ("a.parquet", "file.arrow", "stream.arrow"):
        assert read(tmp_path / name) == ROWS


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    assert [row for _, row in find_format(path).rows(path, ["summary"])] == [
        {"summary": row["summary"]} for row in ROWS
    ]


def test_bad_lines_are_named_and_good_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "good"}\n{"text": \n\n[1]\n{"text": "\xff\xfe"}\n{"text": "last"}')
    assert read(path) == [{"text": "good"}, "bad-json", "wrong-type", "bad-encoding", {"text": "last"}]
    assert places(path) == ["a.jsonl:2", "a.jsonl:4", "a.jsonl:5"]


def test_deeply_nested_json_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + b'{"text": ' + b"[" * 200_000 + b"\n")
    assert read(path) == [*ROWS, "bad-json"]


def test_rows_of_a_csv_with_the_wrong_number_of_cells_are_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,summary\n"two\nlines",a\nonly one\na,b,c\nlast,z\n')
    assert read(path) == [
        {"text": "two\nlines", "summary": "a"},
        "missing-column",
        "missing-column",
        {"text": "last", "summary": "z"},
    ]
    assert places(path) == ["a.csv:4", "a.csv:5"]


def test_bytes_that_are_no_text_reach_the_row_check(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,summary\nca\xe9,s\n")
    assert read(path) == [{"text": "ca\udce9", "summary": "s"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", b"x", "known kinds are"),
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"[\n1\n]\n", "one JSON object a line"),
        ("a.csv", b"text,text\na,b\n", "name each column once"),
        ("a.parquet", b"not parquet at all", "no readable Parquet"),
        ("a.arrow", b"not arrow at all", "no readable Arrow"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name)


def test_an_absent_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file at .*nowhere\.jsonl"):
        find_format(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(("name", "count"), [("a.jsonl", 3), ("a.csv", 3), ("a.parquet", 3), ("a.jsonl.gz", None)])
def test_the_number_of_rows_is_told_without_reading_them_where_that_is_quick(tmp_path, name, count):
    contents = {
        "a.jsonl": LINES,
        "a.csv": b"text,summary\n" + b"a,b\n" * 3,
        "a.jsonl.gz": gzip.compress(LINES, mtime=0),
    }
    if name == "a.parquet":
        pq.write_table(pa.table({"text": ["a", "b", "c"]}), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(contents[name])
    assert find_format(tmp_path / name).count(tmp_path / name) == count
