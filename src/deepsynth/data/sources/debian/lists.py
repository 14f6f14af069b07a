"""Fetches Debian's package descriptions with apt; where there is none, a folder of lists copied from elsewhere does as well."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from deepsynth.core.errors import InputError
from deepsynth.core.files import hash_file
from deepsynth.data.sources.debian.apt import TIMEOUT_SECONDS, make_state, run_apt

_NAME = re.compile(
    r"_dists_(?P<suite>.+)_(?P<component>[^_]+)_(?:i18n_Translation-(?P<language>[A-Za-z@%0-9_]+)"
    r"|binary-[a-z0-9-]+_Packages)(?P<packed>\.(?:gz|xz|lz4|zst))?$"
)
_HELPER = Path("/usr/lib/apt/apt-helper")


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageList:
    """One file of stanzas: packages, or their descriptions in one language."""

    path: Path
    suite: str
    language: str | None
    """As Debian writes it (`pt_BR`); none for a list of packages."""

    def read(self) -> str:
        """Return the text, unpacked.

        Raises:
            InputError: the file is damaged, or packed in a way that needs apt to unpack.
        """
        try:
            return self._bytes().decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error, lzma.LZMAError, subprocess.SubprocessError) as error:
            raise InputError(f"cannot read the package list {self.path}: {error}; fetch it again") from error

    def _bytes(self) -> bytes:
        if self.path.suffix == ".gz":
            return gzip.decompress(self.path.read_bytes())
        if self.path.suffix == ".xz":
            return lzma.decompress(self.path.read_bytes())
        if self.path.suffix not in (".lz4", ".zst"):
            return self.path.read_bytes()
        if not _HELPER.exists():
            raise InputError(f"{self.path} needs apt to unpack; copy lists that are not packed, or .gz or .xz ones")
        command = [str(_HELPER), "cat-file", str(self.path)]
        return subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_SECONDS).stdout

    def facts(self) -> dict[str, object]:
        """Return name, size and sha256, so that a run can be told from one on other lists."""
        return {"name": self.path.name, "bytes": self.path.stat().st_size, "sha256": hash_file(self.path)}


def find_lists(folder: Path, languages: Iterable[str]) -> list[PackageList]:
    """Return the lists of the free section (`main`) in `folder`: packages, and descriptions in `languages`.

    Stable suites come before their updates, so that a package met twice is read as first released. Names are matched
    whole: a search for `Translation-pt*` would find Brazilian Portuguese as well.

    Raises:
        InputError: the folder is absent, or holds no descriptions in one of the languages.
    """
    if not folder.is_dir():
        raise InputError(f"no folder of package lists at {folder}", field="lists")
    wanted = set(languages)
    found: list[PackageList] = []
    for path in sorted(folder.iterdir()):
        match = _NAME.search(path.name)
        if match is None or match["component"] != "main" or not path.is_file():
            continue
        language = unquote(match["language"]) if match["language"] else None
        if language is None or language in wanted:
            found.append(PackageList(path=path, suite=match["suite"], language=language))
    missing = sorted(wanted - {item.language for item in found})
    if missing:
        raise InputError(
            f"{folder} holds no descriptions (Translation-{missing[0]}) of section main", field="languages"
        )
    return sorted(found, key=lambda item: ("-" in item.suite, item.suite, item.path.name))


def fetch_lists(cache: Path, languages: Sequence[str]) -> Path:
    """Return a folder with the lists of the suites that this machine uses, fetched unless they are there already.

    Kept in `cache`, so that an interrupted run goes on with the lists it began with.

    Raises:
        InputError: there is no apt, or it cannot fetch them.
    """
    state = cache / ("apt-" + "-".join(sorted(languages)))
    lists = state / "lists"
    if (state / "complete").is_file():
        return lists
    if shutil.which("apt-get") is None:
        raise InputError(
            "source 'debian' needs apt, which is not here; copy /var/lib/apt/lists from a Debian machine "
            "(fetched with -o Acquire::Languages=en,fr) and name the copy with --reading.lists",
            field="source",
        )
    make_state(state)
    run_apt(state, languages, "update")
    find_lists(lists, languages)
    (state / "complete").touch()
    return lists
