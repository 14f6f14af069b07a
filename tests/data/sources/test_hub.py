from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.errors
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources import hub, open_source
from deepsynth.data.sources.known import EXPORT_REVISION

FILES = {
    "reciTAL/mlsum": {
        EXPORT_REVISION: [f"{lang}/{split}/0000.parquet" for lang in ("de", "fr") for split in ("train", "test")]
    },
    "me/plain": {"main": ["README.md", "data/train-00000-of-00001.parquet"]},
}


class FakeHub:
    """Answers like `huggingface_hub` from a folder, and remembers what was asked."""

    errors = huggingface_hub.errors

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads: list[tuple[str, str]] = []

    def HfApi(self) -> FakeHub:
        return self

    def dataset_info(self, identifier: str, *, revision: str, timeout: float) -> Any:
        if identifier not in FILES:
            raise _error(huggingface_hub.errors.RepositoryNotFoundError)
        if revision not in FILES[identifier]:
            raise _error(huggingface_hub.errors.RevisionNotFoundError)
        siblings = [SimpleNamespace(rfilename=name) for name in FILES[identifier][revision]]
        return SimpleNamespace(sha="c0ffee", siblings=siblings)

    def hf_hub_download(self, identifier: str, name: str, *, repo_type: str, revision: str) -> str:
        self.downloads.append((name, revision))
        path = self.folder / name.replace("/", "-")
        pq.write_table(pa.Table.from_pylist([{"text": f"text of {name}", "summary": "s", "title": "t"}]), path)
        return str(path)


def _error(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = ("404",)
    return error


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    made = FakeHub(tmp_path)
    monkeypatch.setattr(hub, "_import_hub", lambda: made)
    return made


def test_a_known_dataset_is_read_from_the_export_with_its_language(fake: FakeHub) -> None:
    source = open_source(SourceConfig(source="mlsum", subset="fr"))
    records = list(source)
    assert [record.document.text for record in records] == [
        "text of fr/train/0000.parquet",
        "text of fr/test/0000.parquet",
    ]
    assert {record.document.language for record in records} == {"fr"}
    assert source.name == "reciTAL/mlsum:fr"


def test_a_download_is_pinned_to_the_commit_that_was_listed(fake: FakeHub) -> None:
    next(iter(open_source(SourceConfig(source="mlsum", subset="de"))))
    assert set(fake.downloads) == {("de/train/0000.parquet", "c0ffee")}


def test_a_language_dataset_without_its_language_is_a_question(fake: FakeHub) -> None:
    with pytest.raises(InputError, match=r"one configuration a language.*--subset: de, es, fr, ru, tu"):
        open_source(SourceConfig(source="reciTAL/mlsum"))
    with pytest.raises(InputError, match=r"no configuration 'es'; it has: de, fr"):
        open_source(SourceConfig(source="mlsum", subset="es"))


def test_languages_of_one_dataset_are_different_sources(fake: FakeHub) -> None:
    french, german = (open_source(SourceConfig(source="mlsum", subset=lang)) for lang in ("fr", "de"))
    assert french.name != german.name
    assert french.fingerprint != german.fingerprint


def test_an_unknown_id_without_an_export_is_read_from_main(fake: FakeHub) -> None:
    (record,) = open_source(SourceConfig(source="me/plain"))
    assert record.document.meta["split"] == "train"


def test_an_unknown_id_or_revision_is_one_clear_error(fake: FakeHub) -> None:
    with pytest.raises(InputError, match="neither a file or folder here nor a dataset on the Hub"):
        open_source(SourceConfig(source="me/absent"))
    with pytest.raises(InputError, match="no revision 'v9'"):
        open_source(SourceConfig(source="me/plain", revision="v9"))
