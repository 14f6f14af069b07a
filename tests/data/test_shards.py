import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsynth.data.shards import SCHEMA, FailedRow, failed_rows, picture, shard_rows, system_memory, write_shard
from deepsynth.data.sources import Rejection

ROW = {name: "x" for name in SCHEMA.names if name not in ("original_index", "pages")} | {"original_index": 4}


def failed(number: int) -> FailedRow:
    return FailedRow(number=number, rejection=Rejection(where=f"r{number}", reason="cannot-be-drawn", detail="dämaged"))


def test_a_shard_holds_its_rows_in_order_and_names_those_that_are_missing(tmp_path):
    rows = [{**ROW, "id": str(number), "pages": [picture(b"page")]} for number in range(150)]
    write_shard(tmp_path / "a.parquet", [*rows[:70], failed(70), *rows[70:], failed(151)])
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows
    assert shard_rows(tmp_path / "a.parquet") == 150
    assert failed_rows(tmp_path / "a.parquet") == [failed(70), failed(151)]
    assert pq.ParquetFile(tmp_path / "a.parquet").metadata.num_row_groups == 3


def test_a_shard_of_which_no_row_is_left_is_still_a_shard(tmp_path):
    write_shard(tmp_path / "a.parquet", [failed(0)])
    assert (shard_rows(tmp_path / "a.parquet"), failed_rows(tmp_path / "a.parquet")) == (0, [failed(0)])


def test_a_shard_that_is_not_finished_is_not_there(tmp_path):
    def rows():
        yield {**ROW, "pages": None}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "a.parquet", rows())
    assert list(tmp_path.iterdir()) == []


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        write_shard(tmp_path / name, [{**ROW, "pages": [picture(b"page")]}])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_pages_are_pictures_to_those_who_read_the_schema():
    features = SCHEMA.metadata[b"huggingface"].decode()
    assert '"pages": {"feature": {"_type": "Image"}, "_type": "List"}' in features
    assert SCHEMA.field("pages").type == pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def test_arrow_takes_memory_from_the_system_for_a_while():
    before = pa.default_memory_pool().backend_name
    with pytest.raises(KeyboardInterrupt), system_memory():
        assert pa.default_memory_pool().backend_name == "system"
        raise KeyboardInterrupt
    assert pa.default_memory_pool().backend_name == before
