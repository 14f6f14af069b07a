from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.sources.columnar import arrow_columns, arrow_rows, parquet_columns, parquet_count, parquet_rows

TABLE = pa.table({"text": ["a", "b", "c"], "summary": ["x", "y", "z"]})


def test_only_the_columns_asked_for_are_read_from_either_kind(tmp_path: Path) -> None:
    parquet, arrow = tmp_path / "a.parquet", tmp_path / "a.arrow"
    pq.write_table(TABLE, parquet)
    with pa.OSFile(str(arrow), "wb") as file, pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)
    wanted = [(f"a.parquet:{number}", {"summary": value}) for number, value in enumerate("xyz", 1)]
    assert list(parquet_rows(parquet, ["summary"])) == wanted
    assert [row for _, row in arrow_rows(arrow, ["summary"])] == [row for _, row in wanted]
    assert parquet_columns(parquet) == arrow_columns(arrow) == ["text", "summary"]
    assert parquet_count(parquet) == 3


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"a.parquet is no readable Parquet file"):
        parquet_columns(path)
    with pytest.raises(InputError, match=r"a.parquet is no readable Arrow file"):
        list(arrow_rows(path, []))


def test_a_parquet_file_that_is_damaged_in_the_middle_gives_its_sound_rows_and_says_where_it_ends(tmp_path):
    rows = pa.Table.from_pylist([{"text": f"document {number} " + "x" * 200, "summary": "s"} for number in range(1000)])
    pq.write_table(rows, tmp_path / "a.parquet", row_group_size=250, compression="none", use_dictionary=False)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    start = pq.read_metadata(tmp_path / "a.parquet").row_group(2).column(0).data_page_offset
    content[start : start + 60] = b"\xff" * 60
    (tmp_path / "a.parquet").write_bytes(content)
    found = [row for _, row in parquet_rows(tmp_path / "a.parquet", ["text"])]
    assert [row["text"].split()[1] for row in found[:-1]] == [str(number) for number in range(len(found) - 1)]
    assert 250 <= len(found) - 1 <= 500
    assert found[-1].reason == "damaged-file"
