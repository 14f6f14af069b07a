import errno
import json
import os
from pathlib import Path

import pytest

from deepsynth.core.errors import CheckpointError, StorageError
from deepsynth.core.files import (
    folder_bytes,
    hash_file,
    make_folder,
    new_file,
    new_folder,
    read_manifest,
    remove_leftovers,
    write_bytes,
    write_json,
    write_manifest,
)


def no_space(*_args):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_holds_what_was_written_and_nothing_is_left_beside_it(tmp_path):
    write_bytes(tmp_path / "a" / "b.bin", b"first")
    write_bytes(tmp_path / "a" / "b.bin", b"second")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"second"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.bin"]


def test_a_full_disk_keeps_the_old_file_and_is_one_clear_line(tmp_path, monkeypatch):
    target = tmp_path / "state.json"
    write_json(target, {"step": 1})
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(StorageError, match=r"state\.json: the disk is full"):
        write_json(target, {"step": 2})
    assert json.loads(target.read_text()) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_not_a_number_is_refused_because_json_has_no_such_thing(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))


def test_a_folder_appears_whole_with_its_manifest(tmp_path):
    with new_folder(tmp_path / "out", {"kind": "test"}) as folder:
        (folder / "data.txt").write_text("hello")
        assert not (tmp_path / "out").exists()
    manifest = read_manifest(tmp_path / "out")
    assert manifest["kind"] == "test"
    assert manifest["files"]["data.txt"] == {"bytes": 5, "sha256": hash_file(tmp_path / "out" / "data.txt")}


def test_a_folder_that_fails_leaves_the_one_before_it(tmp_path):
    with new_folder(tmp_path / "out") as folder:
        (folder / "data.txt").write_text("old")
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out") as folder:
        (folder / "data.txt").write_text("new")
        raise RuntimeError
    assert (tmp_path / "out" / "data.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_existing_folder_is_replaced_only_by_a_whole_one(tmp_path):
    for text in ("old", "new"):
        with new_folder(tmp_path / "out") as folder:
            (folder / "data.txt").write_text(text)
    assert (tmp_path / "out" / "data.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_a_damaged_file_is_found_and_named(tmp_path, harm):
    target = tmp_path / "weights.bin"
    target.write_bytes(b"0123456789")
    write_manifest(tmp_path)
    if harm == "cut":
        target.write_bytes(b"01234")
    elif harm == "flip":
        target.write_bytes(b"0123456780")
    else:
        target.unlink()
    with pytest.raises(CheckpointError, match=r"weights\.bin"):
        read_manifest(tmp_path)


def test_a_folder_without_manifest_was_never_finished(tmp_path):
    with pytest.raises(CheckpointError, match="never finished"):
        read_manifest(Path(tmp_path))


def test_a_new_file_is_whole_or_absent_and_leftovers_of_a_kill_go(tmp_path):
    with new_file(tmp_path / "a.parquet") as temporary:
        temporary.write_bytes(b"content")
        assert not (tmp_path / "a.parquet").exists()
    assert (tmp_path / "a.parquet").read_bytes() == b"content"
    for name in (".b.parquet.ab12cd_9", ".manifest.json.00000000"):
        (tmp_path / name).touch()
    others = [".lock", ".gitattributes", ".b.parquet", "c.parquet"]
    for name in others:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a.parquet", *others])


def test_what_is_hidden_is_not_in_the_manifest(tmp_path):
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "ledger").touch()
    (tmp_path / "rows").touch()
    write_manifest(tmp_path)
    assert list(read_manifest(tmp_path)["files"]) == ["rows"]


def test_a_file_in_the_place_of_a_new_folder_is_left_alone(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with (
        pytest.raises(StorageError, match="notes is a file, and a folder is to be written there"),
        new_folder(tmp_path / "notes"),
    ):
        pytest.fail("something was written")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_in_the_way_of_a_folder_is_named_with_the_remedy(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(StorageError, match=r"cannot write .*/notes: a file is in the way; remove it"):
        make_folder(tmp_path / "notes")
    with pytest.raises(StorageError, match=r"cannot write .*/notes/a: a part of this path is a file"):
        make_folder(tmp_path / "notes" / "a")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_manifest_without_files_is_none_of_ours(tmp_path):
    (tmp_path / "manifest.json").write_text('{"step": 1}')
    with pytest.raises(CheckpointError, match="lists no files"):
        read_manifest(tmp_path)


def test_the_bytes_of_a_folder_are_those_of_its_files_and_not_of_what_links_lead_to(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    assert folder_bytes(tmp_path) == 5 + (tmp_path / "link").lstat().st_size


def test_a_name_that_is_too_long_and_a_folder_in_the_way_of_a_file_are_named(tmp_path):
    with pytest.raises(StorageError, match="the name is too long"):
        make_folder(tmp_path / ("x" * 300))
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StorageError, match=r"state\.json: a folder is in the way"):
        write_json(tmp_path / "state.json", {})
