import subprocess
import sys
import time

import pytest

from deepsynth.core.errors import InputError
from deepsynth.core.files import new_folder
from deepsynth.jobs import JobStatus
from deepsynth.jobs.folder import ExitRecord, JobFolder, Lock, checkpoint_step, json_lines, newest_checkpoint, read_json

ID = "0123456789abcdef"


@pytest.mark.parametrize("name", ["", "..", "../" + ID, ID + "/x", ID.upper(), ID + "0", ID[:-1], "0123456789abcde\n"])
def test_only_ids_lead_to_folders(tmp_path, name):
    with pytest.raises(InputError, match="no job id"):
        JobFolder(tmp_path, name)


def test_a_lock_is_held_until_the_last_process_that_inherited_it_ends(tmp_path):
    lock = Lock(tmp_path / "lock")
    assert lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.descriptor])
    lock.let_go()
    other = Lock(tmp_path / "lock")
    assert other.is_held()
    assert not other.acquire()
    child.kill()
    child.wait()
    assert not other.is_held()
    child.stdin.close()


def test_asking_for_a_lock_never_stands_in_anybodys_way(tmp_path):
    lock = Lock(tmp_path / "lock")
    lock.path.touch()
    began = time.monotonic()
    asker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib\nfrom deepsynth.jobs.folder import Lock\n"
            f"lock = Lock(pathlib.Path({str(lock.path)!r}))\nprint('go', flush=True)\n"
            "for _ in range(3000): lock.is_held()",
        ],
        stdout=subprocess.PIPE,
    )
    asker.stdout.readline()
    mine = Lock(lock.path)
    assert not mine.is_held()
    asker.wait()
    asker.stdout.close()
    assert time.monotonic() - began < 60


def test_an_exit_record_comes_back_as_it_was(tmp_path):
    folder = JobFolder(tmp_path, ID)
    folder.create("training", {}, "")
    record = ExitRecord(status=JobStatus.FAILED, reason="the disk is full", mark=7)
    assert folder.read_exit(1) is None
    folder.write_exit(1, record)
    assert folder.read_exit(1) == record
    assert folder.read_exit(2) is None


def test_the_mark_is_the_newest_whole_checkpoint_or_the_items_done(tmp_path):
    folder = JobFolder(tmp_path / "jobs", ID)
    folder.create("training", {}, str(tmp_path / "out"))
    assert folder.mark(1) == -1
    folder.attempt(1).mkdir()
    (folder.attempt(1) / "progress.json").write_text('{"done": 12}')
    assert folder.mark(1) == 12
    for step in (5, 40):
        with new_folder(tmp_path / "out" / f"checkpoint-{step}"):
            pass
    (tmp_path / "out" / "checkpoint-50").mkdir()  # without a manifest it was never finished
    assert folder.mark(1) == 40


def test_a_job_without_its_description_says_so(tmp_path):
    with pytest.raises(InputError, match=r"no spec\.json"):
        JobFolder(tmp_path, ID).spec()


def test_json_that_a_crash_cut_short_reads_as_nothing(tmp_path):
    (tmp_path / "x").write_text('{"a": ')
    assert read_json(tmp_path / "x") is None


def test_the_newest_checkpoint_is_the_whole_one_of_the_highest_step(tmp_path):
    assert newest_checkpoint("") is newest_checkpoint(str(tmp_path)) is None
    for step in (9, 100):
        with new_folder(tmp_path / f"checkpoint-{step}"):
            pass
    (tmp_path / "checkpoint-300").mkdir()  # never finished
    with new_folder(tmp_path / "checkpoint-last"):
        pass
    assert newest_checkpoint(str(tmp_path)) == tmp_path / "checkpoint-100"
    assert checkpoint_step(tmp_path / "checkpoint-last") is None


def test_lines_that_a_crash_cut_short_are_left_out():
    assert list(json_lines(b'{"a": 1}\n[2]\n{"b": \n\xff\n{"c": 3}')) == [{"a": 1}, {"c": 3}]
