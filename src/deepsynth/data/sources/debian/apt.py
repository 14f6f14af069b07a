"""apt as an ordinary user, in a state of its own, without touching the system's lists.

Everything is passed by `-o` on the command line: container images switch translations off in apt.conf.d, and that
beats a file named by `APT_CONFIG`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from deepsynth.core.errors import InputError

TIMEOUT_SECONDS = 600


def make_state(state: Path) -> None:
    """Make the folders that apt wants to find."""
    for folder in (state / "lists" / "partial", state / "cache" / "archives" / "partial", state / "log"):
        folder.mkdir(parents=True, exist_ok=True)
    (state / "status").touch()


def run_apt(state: Path, languages: Sequence[str], *arguments: str, folder: Path | None = None) -> None:
    """Run `apt-get` with the state in `state`, in `folder` if one is given.

    Raises:
        InputError: apt fails; its last line says why.
    """
    options = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Log": state / "log",
        "APT::Sandbox::User": "",
        "Acquire::Languages": ",".join(languages),
        "Acquire::GzipIndexes": "false",
    }
    given = (part for key, value in options.items() for part in ("-o", f"{key}={value}"))
    command = ["apt-get", "-q", *given, *arguments]
    verb = f"apt-get {arguments[0]}"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{verb} did not finish in {TIMEOUT_SECONDS} s; try again") from error
    if done.returncode:
        tail = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise InputError(f"{verb} failed: {' '.join(tail) or done.returncode}; is there a network?")
