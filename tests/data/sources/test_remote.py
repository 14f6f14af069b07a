import gzip
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources import open_source
from deepsynth.data.sources.remote import RemoteFile, list_files, remote_errors

LINES = "".join(json.dumps({"text": f"document {n}", "summary": f"s{n}"}) + "\n" for n in range(3)).encode()


@pytest.fixture
def store():
    """An object store in memory, as S3 is one far away."""
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def table() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([json.loads(line) for line in LINES.splitlines()]), sink)
    return sink.getvalue().to_pybytes()


def arrow() -> bytes:
    sink = pa.BufferOutputStream()
    rows = pa.Table.from_pylist([json.loads(line) for line in LINES.splitlines()])
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", LINES),
        ("rows.jsonl.gz", gzip.compress(LINES, mtime=0)),
        ("rows.parquet", table()),
        ("rows.arrow", arrow()),
    ],
    ids=["jsonl", "gz", "parquet", "arrow"],
)
def test_every_kind_of_table_is_read_from_a_store(store, name, content):
    store.pipe(f"/bucket/{name}", content)
    source = open_source(SourceConfig(source=f"memory://bucket/{name}"))
    assert [record.document.text for record in source] == [f"document {n}" for n in range(3)]
    assert source.expected_rows() is None


def test_a_folder_in_a_store_is_laid_out_as_on_the_hub_and_a_pattern_is_a_list(store):
    for split in ("train", "test"):
        store.pipe(f"/bucket/data/{split}-00000.jsonl", LINES)
    records = list(open_source(SourceConfig(source="memory://bucket/data")))
    assert [record.document.meta["split"] for record in records] == ["train"] * 3 + ["test"] * 3
    assert len(list(open_source(SourceConfig(source="memory://bucket/data/t*.jsonl")))) == 6


def test_the_fingerprint_follows_what_the_store_tells_of_the_file(store):
    store.pipe("/bucket/a.jsonl", LINES)
    before = open_source(SourceConfig(source="memory://bucket/a.jsonl")).fingerprint
    assert open_source(SourceConfig(source="memory://bucket/a.jsonl")).fingerprint == before
    store.pipe("/bucket/a.jsonl", LINES[:-1] + b" \n")
    assert open_source(SourceConfig(source="memory://bucket/a.jsonl")).fingerprint != before


@pytest.mark.parametrize(
    ("url", "message"),
    [("memory://bucket/nothing.jsonl", "nothing at memory://"), ("gopher://host/rows.jsonl", "cannot open gopher://")],
)
def test_an_address_that_leads_nowhere_is_one_clear_error(store, url, message):
    with pytest.raises(InputError, match=message):
        open_source(SourceConfig(source=url))


def test_a_network_that_fails_names_the_address_and_no_signature():
    with pytest.raises(InputError) as caught, remote_errors("s3://bucket/rows.parquet"):
        raise ConnectionError("lost https://bucket/rows?X-Signature=secret")
    assert "cannot read s3://bucket/rows.parquet: lost https://bucket/rows; run it again" in str(caught.value)


def test_a_remote_file_has_the_names_of_a_path(store):
    store.pipe("/bucket/a.jsonl.gz", b"12345")
    file = RemoteFile("memory://bucket/a.jsonl.gz")
    assert (file.name, file.suffix, file.suffixes, file.size()) == ("a.jsonl.gz", ".gz", [".jsonl", ".gz"], 5)
    assert file.is_file()
    assert list_files("memory://bucket/a.jsonl.gz") == ("memory:///bucket/a.jsonl.gz", ["memory:///bucket/a.jsonl.gz"])
