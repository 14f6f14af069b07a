import pytest

from deepsynth.core.errors import StorageError
from deepsynth.jobs.database import SqliteDatabase
from deepsynth.jobs.opening import open_database


def test_a_folder_is_made_and_holds_a_file_of_sqlite(tmp_path):
    database = open_database(tmp_path / "a" / "b")
    assert isinstance(database, SqliteDatabase)
    assert (tmp_path / "a" / "b" / "jobs.sqlite").is_file()
    database.close()


def test_a_url_of_another_kind_is_refused_without_its_password(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        StorageError, match=r"jobs cannot be kept at mysql://; let DEEPSYNTH_STORE name a postgresql"
    ) as caught:
        open_database("mysql://a:pass-word@h/x")
    assert "pass-word" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
