import subprocess

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.sources.debian import apt


def test_everything_is_given_on_the_command_line_and_the_state_is_private(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        apt.subprocess,
        "run",
        lambda command, **how: seen.append((command, how)) or subprocess.CompletedProcess(command, 0),
    )
    apt.make_state(tmp_path)
    apt.run_apt(tmp_path, ["en", "fr"], "update", folder=tmp_path)
    command, how = seen[0]
    assert command[:2] == ["apt-get", "-q"]
    assert f"Dir::State={tmp_path}" in command
    assert "Acquire::Languages=en,fr" in command
    assert (command[-1], how["cwd"]) == ("update", tmp_path)
    assert (tmp_path / "lists" / "partial").is_dir()


def test_a_failure_is_its_last_line(tmp_path, monkeypatch):
    done = subprocess.CompletedProcess([], 100, stdout="", stderr="Reading\nE: Unable to locate package manpages-xx\n")
    monkeypatch.setattr(apt.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(InputError, match="apt-get download failed: E: Unable to locate package manpages-xx"):
        apt.run_apt(tmp_path, ["none"], "download", "manpages-xx")


def test_a_run_without_end_is_given_up(tmp_path, monkeypatch):
    def never(*_, **__):
        raise subprocess.TimeoutExpired("apt-get", 1)

    monkeypatch.setattr(apt.subprocess, "run", never)
    with pytest.raises(InputError, match="did not finish"):
        apt.run_apt(tmp_path, ["en"], "update")
