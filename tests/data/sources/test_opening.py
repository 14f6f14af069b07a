from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources import open_source, sources
from deepsynth.data.sources.folder import FolderSource


def export(folder: Path) -> Path:
    """Write what the Hub's Parquet export of two configurations looks like."""
    for config in ("de", "fr"):
        for split in ("train", "test"):
            rows = [{"text": f"{config} {split} {shard}", "summary": config, "url": ""} for shard in range(2)]
            (folder / config / split).mkdir(parents=True)
            for shard, row in enumerate(rows):
                pq.write_table(pa.Table.from_pylist([row]), folder / config / split / f"{shard:04}.parquet")
    return folder


def test_one_configuration_of_a_local_export_is_read_and_no_other(tmp_path: Path) -> None:
    source = open_source(SourceConfig(source=str(export(tmp_path)), subset="fr"))
    assert [record.document.text for record in source] == ["fr train 0", "fr train 1", "fr test 0", "fr test 1"]
    assert source.name == f"{tmp_path.name}:fr"


def test_an_export_without_a_configuration_is_a_question(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"several configurations \(de, fr\)"):
        open_source(SourceConfig(source=str(export(tmp_path))))
    with pytest.raises(InputError, match="no configuration 'es'"):
        open_source(SourceConfig(source=str(tmp_path), subset="es"))


def test_a_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"article": "a text", "highlights": "h"}) + "\n")
    (record,) = open_source(SourceConfig(source=str(tmp_path / "rows.jsonl")))
    assert (record.document.text, record.summary, record.document.id) == ("a text", "h", "rows.jsonl:1")


def test_a_folder_of_documents_is_told_from_one_of_tables(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    assert isinstance(open_source(SourceConfig(source=str(tmp_path))), FolderSource)
    (tmp_path / "rows.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="both tables of rows and documents"):
        open_source(SourceConfig(source=str(tmp_path)))


@pytest.mark.parametrize("wrong", ["nothing", "./not/here", "data/absent.jsonl", "/a/b", "a/b/c"])
def test_a_wrong_path_is_one_clear_error_and_no_question_to_the_hub(wrong: str) -> None:
    with pytest.raises(InputError, match=f"no file or folder at {wrong}.*sources:.*packages"):
        open_source(SourceConfig(source=wrong))


def test_registered_names_come_first() -> None:
    assert {"packages"} <= set(sources.names())
    assert open_source(SourceConfig(source="packages")).name == "packages"
