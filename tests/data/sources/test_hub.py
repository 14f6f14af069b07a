"""Datasets of the Hub, read through huggingface_hub itself from a server on loopback."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.fake_hub import TOKEN, Fault

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.hub_calls import HubError
from deepsynth.data.sources import open_source
from deepsynth.data.sources.known import EXPORT_REVISION


def parquet(*texts: str, **extra: str) -> bytes:
    target = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([{"text": text, "summary": "s", "title": "t", **extra} for text in texts]), target
    )
    return target.getvalue()


@pytest.fixture
def mlsum(fake_hub):
    """MLSUM as the Hub has it: a script on main, the rows in the export, a folder a language."""
    fake_hub.add("reciTAL/mlsum", {"README.md": b"---\n---\n", "mlsum.py": b"raise SystemExit('never run me')"})
    names = [
        f"{lang}/{split}/{shard:04}.parquet" for lang in ("de", "fr") for split in ("train", "test") for shard in (0, 1)
    ]
    files = {name: parquet(f"text of {name}") for name in names}
    return fake_hub.add("reciTAL/mlsum", files, branch=EXPORT_REVISION)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_script_based_dataset_is_read_from_its_export_with_its_language_and_all_shards(fake_hub, mlsum, streaming):
    source = open_source(SourceConfig(source="mlsum", subset="fr", streaming=streaming))
    records = list(source)
    assert [record.document.text for record in records] == [
        f"text of fr/{split}/{shard:04}.parquet" for split in ("train", "test") for shard in (0, 1)
    ]
    assert {record.document.language for record in records} == {"fr"}
    assert {record.document.meta["configuration"] for record in records} == {"fr"}
    assert [record.document.meta["index"] for record in records] == ["0", "1", "0", "1"]
    assert (source.name, source.license) == (
        "reciTAL/mlsum:fr",
        "For research that is not commercial, as its card says.",
    )
    assert not fake_hub.asked("GET", r"mlsum\.py|/de/")


def test_reading_is_pinned_to_the_commit_that_was_listed(fake_hub, mlsum):
    source = open_source(SourceConfig(source="mlsum", subset="de"))
    before = source.fingerprint
    fake_hub.add("reciTAL/mlsum", {"de/train/0000.parquet": parquet("changed")}, branch=EXPORT_REVISION)
    assert "changed" not in [record.document.text for record in source]
    assert source.fingerprint == before != open_source(SourceConfig(source="mlsum", subset="de")).fingerprint


def test_streaming_reads_without_a_copy_and_only_what_is_asked(fake_hub, tmp_path):
    rows = [{"text": f"document {number}", "summary": "s", "padding": "x" * 20_000} for number in range(400)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    fake_hub.add("me/large", {"train.jsonl": lines})
    records = iter(open_source(SourceConfig(source="me/large", streaming=True)))
    assert next(records).document.text == "document 0"
    assert not list((tmp_path / "hub-cache").rglob("*.jsonl"))
    assert [record.document.text for record in records] == [row["text"] for row in rows[1:]]


def test_both_ways_of_reading_give_the_same_rows_and_fingerprint(fake_hub, mlsum):
    one, other = (open_source(SourceConfig(source="mlsum", subset="fr", streaming=way)) for way in (False, True))
    assert list(one) == list(other)
    assert one.fingerprint == other.fingerprint


def test_a_language_dataset_without_its_language_is_a_question(fake_hub, mlsum):
    with pytest.raises(
        InputError, match=r"a configuration for each language; name one of them as its subset: de, es, fr, ru, tu"
    ):
        open_source(SourceConfig(source="reciTAL/mlsum"))
    with pytest.raises(InputError, match=r"no configuration 'es'; it has: de, fr"):
        open_source(SourceConfig(source="mlsum", subset="es"))


def test_any_other_id_is_read_from_main_with_the_terms_of_its_card(fake_hub):
    fake_hub.add(
        "me/plain", {"README.md": b"", "data/train-00000-of-00001.parquet": parquet("a text")}, card={"license": "mit"}
    )
    source = open_source(SourceConfig(source="me/plain"))
    (record,) = source
    assert (record.document.meta["split"], source.license) == ("train", "mit")


def test_columns_that_could_be_two_things_are_a_question_that_naming_them_answers(fake_hub):
    fake_hub.add("me/two", {"train.parquet": parquet("a text", article="another")})
    with pytest.raises(InputError, match="several columns that could be the text"):
        list(open_source(SourceConfig(source="me/two")))
    (record,) = open_source(SourceConfig(source="me/two", text_column="article", summary_column="title"))
    assert (record.document.text, record.summary) == ("another", "t")


def test_a_dataset_of_a_script_without_an_export_says_what_it_lacks(fake_hub):
    fake_hub.add("me/script", {"script.py": b"..."})
    with pytest.raises(InputError, match="holds no file of rows"):
        open_source(SourceConfig(source="me/script"))


def test_private_gated_absent_and_wrong_are_told_apart(fake_hub, monkeypatch):
    fake_hub.add("me/private", {"train.parquet": parquet("secret")}, private=True)
    fake_hub.add("you/gated", {"train.parquet": parquet("gated")}, gated=True)
    assert len(list(open_source(SourceConfig(source="me/private")))) == 1
    with pytest.raises(InputError, match="accept the terms"):
        open_source(SourceConfig(source="you/gated"))
    with pytest.raises(InputError, match="neither a file or folder here nor a dataset on the Hub"):
        open_source(SourceConfig(source="me/absent"))
    with pytest.raises(InputError, match="no revision 'v9'"):
        open_source(SourceConfig(source="me/private", revision="v9"))
    fake_hub.tokens.clear()
    with pytest.raises(InputError, match="hf auth login") as caught:
        open_source(SourceConfig(source="me/private"))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/api/datasets", 500),
        Fault("GET", "/api/datasets", 429),
        Fault("GET", "/resolve/", "half"),
        Fault("HEAD", "/resolve/", "cut"),
    ],
    ids=lambda fault: f"{fault.kind} of {fault.path}",
)
def test_a_hub_that_stumbles_gives_all_rows(fake_hub, mlsum, monkeypatch, fault):
    monkeypatch.setattr("deepsynth.data.hub_calls.time.sleep", lambda seconds: None)
    fault.times = 1
    fake_hub.faults = [fault]
    assert len(list(open_source(SourceConfig(source="mlsum", subset="fr")))) == 4
    assert fault.times == 0


def test_a_hub_that_does_not_answer_at_all_is_one_clear_error(fake_hub, mlsum, monkeypatch):
    monkeypatch.setattr("deepsynth.data.hub_calls.time.sleep", lambda seconds: None)
    fake_hub.faults = [Fault("GET", "/api/datasets", "cut", 99)]
    with pytest.raises(HubError, match="opening reciTAL/mlsum failed 5 times"):
        open_source(SourceConfig(source="mlsum", subset="fr"))
