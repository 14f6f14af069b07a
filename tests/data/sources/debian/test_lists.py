import gzip
import lzma
import subprocess

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.sources.debian.lists import fetch_lists, find_lists

NAME = "deb.example.org_debian_dists_stable_main_i18n_Translation-en"


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_lists_are_read_packed_or_not(tmp_path, ending, pack):
    (tmp_path / (NAME + ending)).write_bytes(pack("Package: é".encode()))
    (found,) = find_lists(tmp_path, ["en"])
    assert found.read() == "Package: é"
    assert (found.suite, found.language) == ("stable", "en")


DAMAGED = {
    "another kind": b"no gzip",
    "cut short": gzip.compress(b"Package: a" * 50, mtime=0)[:-12],
    "broken inside": b"\x1f\x8b\x08" + b"\0" * 7 + b"\xff" * 9,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_list_is_named(tmp_path, content):
    (tmp_path / f"{NAME}.gz").write_bytes(content)
    with pytest.raises(InputError, match="Translation-en.gz"):
        find_lists(tmp_path, ["en"])[0].read()


def test_other_languages_and_sections_are_left_alone(tmp_path):
    for name in ("main_i18n_Translation-pt", "main_i18n_Translation-pt%5fBR", "contrib_i18n_Translation-pt"):
        (tmp_path / f"deb.example.org_debian_dists_stable_{name}").write_text("")
    assert [item.language for item in find_lists(tmp_path, ["pt"])] == ["pt"]
    assert [item.language for item in find_lists(tmp_path, ["pt_BR"])] == ["pt_BR"]


def test_a_failing_apt_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/apt-get")
    failed = subprocess.CompletedProcess([], 100, "", "E: no network")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: failed)
    with pytest.raises(InputError, match="apt-get update failed: E: no network"):
        fetch_lists(tmp_path, ["en"])
    assert not list(tmp_path.rglob("complete"))
