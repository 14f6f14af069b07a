import sqlite3
import stat

import pytest

from deepsynth.core.errors import StorageError
from deepsynth.jobs import database
from deepsynth.jobs.database import SqliteDatabase


def test_a_broken_transaction_leaves_nothing_behind(tmp_path):
    data = SqliteDatabase(tmp_path / "jobs.sqlite")
    with pytest.raises(ZeroDivisionError), data.write() as transaction:
        transaction.run("INSERT INTO kept (path) VALUES ('x')")
        1 / 0  # noqa: B018
    assert data.read("SELECT * FROM kept") == []
    data.close()


def test_the_file_is_for_its_owner_alone_and_in_wal_mode(tmp_path):
    data = SqliteDatabase(tmp_path / "jobs.sqlite")
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o600
    assert data.read("PRAGMA journal_mode")[0]["journal_mode"] == "wal"
    data.close()


def test_a_network_file_system_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "NETWORK", _Everything())
    with pytest.raises(StorageError, match="postgresql"):
        SqliteDatabase(tmp_path / "jobs.sqlite")


def test_the_deepest_mount_that_holds_a_folder_tells_its_file_system(tmp_path):
    (tmp_path / "my data" / "inner").mkdir(parents=True)
    named = str(tmp_path / "my data").replace(" ", "\\040")
    mounts = f"/dev/a / ext4 rw 0 0\nserver:/x {named} nfs4 rw 0 0\n/dev/b {tmp_path}/other xfs rw 0 0\n"
    assert database.file_system(tmp_path / "my data" / "inner", mounts) == "nfs4"
    assert database.file_system(tmp_path, mounts) == "ext4"


class _Everything:
    def __contains__(self, _name):
        return True


def test_a_locked_file_is_an_error_that_passes(tmp_path, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout, **options: connect(path, timeout=0.05, **options))
    data = SqliteDatabase(tmp_path / "jobs.sqlite")
    with data.write(), pytest.raises(StorageError, match="just now"), data.write():
        pass
    with data.write() as transaction:
        transaction.run("INSERT INTO kept (path) VALUES ('x')")
    assert len(data.read("SELECT * FROM kept")) == 1
    data.close()


def test_a_file_that_is_no_store_is_named_with_the_remedy(tmp_path):
    (tmp_path / "jobs.sqlite").write_bytes(b"something else entirely" * 200)
    with pytest.raises(StorageError, match=r"jobs\.sqlite is no job store, or damaged: .*; move its folder away"):
        SqliteDatabase(tmp_path / "jobs.sqlite")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "jobs.sqlite").mkdir()
    with pytest.raises(StorageError, match=r"jobs\.sqlite: a folder is in the way"):
        SqliteDatabase(tmp_path / "jobs.sqlite")
