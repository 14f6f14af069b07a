"""Bringing a published dataset back: every file checked against the manifest, which is written last."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from deepsynth.core.documents import Progress
from deepsynth.core.errors import CheckpointError, InputError
from deepsynth.core.files import MANIFEST, hash_file, remove_leftovers, storage_errors, write_bytes
from deepsynth.core.progress import Reporter
from deepsynth.data.hub_calls import HubCalls, HubError
from deepsynth.data.prepare import stored_settings
from deepsynth.data.prepared import WORK, exclusive
from deepsynth.data.push import INDEX, check_repository


class Pull:
    """One download of a repository into a folder."""

    def __init__(self, repo: str, folder: Path, calls: HubCalls, reporter: Reporter) -> None:
        """Nothing is asked yet.

        Raises:
            SettingsError: the repository has no full name.
        """
        check_repository(repo)
        self._repo, self._folder, self._calls, self._reporter = repo, folder, calls, reporter
        self.downloaded = 0
        """Files that were fetched."""

    def run(self, revision: str | None) -> int:
        """Bring the folder to what the repository holds; return the number of files.

        Raises:
            InputError: no such repository or revision, no finished dataset there, or the folder holds another one.
            HubError: the Hub fails again and again, or gives a damaged file.
        """
        with exclusive(self._folder):
            remove_leftovers(self._folder)
            commit = self._find_commit(revision)
            content = self._fetch_manifest(commit)
            fingerprint, files = self._read_manifest(content)
            for name in files:
                _check_name(name)
            self._check_folder(fingerprint)
            for done, (name, facts) in enumerate(sorted(files.items())):
                self._reporter.progress(Progress(done=done, total=len(files), message="downloading files"))
                if not _holds(self._folder / name, facts):
                    self._fetch(name, facts, commit)
            write_bytes(self._folder / MANIFEST, content)
            shutil.rmtree(self._folder / WORK, ignore_errors=True)
        return len(files)

    def _find_commit(self, revision: str | None) -> str:
        errors = self._calls.hub.errors
        try:
            info = self._calls.call(
                f"opening {self._repo}",
                lambda: self._calls.hub.HfApi().dataset_info(self._repo, revision=revision, timeout=30),
            )
        except errors.RevisionNotFoundError as error:
            raise InputError(f"{self._repo} has no revision {revision!r}", field="revision") from error
        except errors.RepositoryNotFoundError as error:
            raise InputError(
                f"no dataset {self._repo} on the Hub, or none that your login may see (`hf auth login`)", field="repo"
            ) from error
        return str(info.sha)

    def _fetch_manifest(self, commit: str) -> bytes:
        try:
            return self._download(MANIFEST, commit).read_bytes()
        except self._calls.hub.errors.EntryNotFoundError as error:
            raise InputError(
                f"{self._repo} holds no finished dataset of DeepSynth (no {MANIFEST}); "
                f"where {INDEX} is there, its upload was interrupted: push it again"
            ) from error

    def _read_manifest(self, content: bytes) -> tuple[str, dict[str, Any]]:
        """Return the dataset's fingerprint, and size and hash of each file by name."""
        try:
            values = json.loads(content)
            return str(values["fingerprint"]), {**values["files"]}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{MANIFEST} of {self._repo} is none of a dataset of DeepSynth: {error!r}") from error

    def _check_folder(self, fingerprint: str) -> None:
        known = stored_settings(self._folder)
        if known is not None and known.get("fingerprint") != fingerprint:
            raise InputError(f"{self._folder} holds another dataset; name another folder with --out", field="out")

    def _download(self, name: str, commit: str) -> Path:
        """Return the file, fetched into the work folder: a rename away from its place."""
        download = self._calls.hub.hf_hub_download
        place = self._folder / WORK / "pull"
        found = self._calls.call(
            f"fetching {name}",
            lambda: download(self._repo, name, repo_type="dataset", revision=commit, local_dir=place),
        )
        return Path(found)

    def _fetch(self, name: str, facts: dict[str, Any], commit: str) -> None:
        fetched = self._download(name, commit)
        if not _holds(fetched, facts):
            fetched.unlink()
            raise HubError(f"{name} of {self._repo} came damaged (its sha256 is not the manifest's); run it again")
        target = self._folder / name
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(target)
        self.downloaded += 1


def _check_name(name: str) -> None:
    """Refuse a name that would lead out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or path.name != Path(name).name:
        raise CheckpointError(f"the manifest names {name!r}, which lies outside the dataset; nothing was written")


def _holds(path: Path, facts: dict[str, Any]) -> bool:
    """Return whether the file is there and whole."""
    return path.is_file() and path.stat().st_size == facts["bytes"] and hash_file(path) == facts["sha256"]
