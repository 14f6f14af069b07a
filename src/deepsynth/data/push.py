"""Publishing a prepared dataset: shards with their index in one commit, verified, and only what is missing.

The repository holds what the folder holds, under the same names, and `index.json`, which every commit writes anew: the
shards that are there so far. The manifest comes with the last commit, so that its presence means complete on the Hub as on
disk. What is missing is found by comparing hashes with the repository itself, never by memory of an earlier run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsynth.core.documents import Progress
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.core.files import MANIFEST, hash_file
from deepsynth.core.progress import Reporter
from deepsynth.data.hub_calls import HubCalls, HubConflict, HubError
from deepsynth.data.prepared import PreparedDataset

INDEX = "index.json"
_HARMLESS = {".gitattributes", "README.md", INDEX}
"""Files that may be in a repository before the first push, or that every push writes anew."""
_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def check_repository(name: str) -> None:
    """Refuse anything but a full name.

    Raises:
        SettingsError: no name was given, or one without its owner.
    """
    if not _NAME.fullmatch(name):
        given = f"{name!r} is no full name" if name else "no repository was named"
        raise SettingsError(f"{given}; say which one as OWNER/NAME", field="repo")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file of the repository: large ones are known by sha256, small ones by the hash that git gives them."""

    size: int
    sha256: str | None
    git_hash: str

    def equals(self, path: Path, facts: Mapping[str, Any]) -> bool:
        """Return whether it has the content of the local file."""
        if self.size != facts["bytes"]:
            return False
        return self.sha256 == facts["sha256"] if self.sha256 else self.git_hash == git_hash(path.read_bytes())


def git_hash(content: bytes) -> str:
    """Return the name that git gives to the content of a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Push:
    """One upload of a folder to a repository."""

    def __init__(self, folder: Path, repo: str, calls: HubCalls, reporter: Reporter, *, shards_per_commit: int) -> None:
        """Check the folder.

        Raises:
            SettingsError: the repository has no full name.
            InputError, CheckpointError: no dataset there, an unfinished or a damaged one.
        """
        check_repository(repo)
        self._dataset = PreparedDataset(folder)
        self._folder, self._repo, self._calls, self._reporter = folder, repo, calls, reporter
        self._api = calls.hub.HfApi()
        self._per_commit = shards_per_commit
        files = dict(self._dataset.manifest["files"])
        path = folder / MANIFEST
        self._shards = {name: facts for name, facts in files.items() if name.endswith(".parquet")}
        self._others = {name: facts for name, facts in files.items() if name not in self._shards}
        self._others[MANIFEST] = {"bytes": path.stat().st_size, "sha256": hash_file(path)}
        self.uploaded = 0
        """Files that were sent."""

    def run(self, *, public: bool, replace: bool) -> str:
        """Bring the repository to what the folder holds; return the commit that does.

        Raises:
            InputError: no login, no rights, the repository is public or holds something else.
            HubError: the Hub fails again and again, or does not hold what it took.
        """
        self._calls.call("checking the login", self._api.whoami)
        self._ensure_repository(public=public)
        conflicts, before = 0, None
        while True:
            head, there = self._look()
            stale = self._stale(head, there, replace=replace)
            shards, others = self._missing(self._shards, there), self._missing(self._others, there)
            self._tell(len(self._shards) - len(shards))
            index = self._index(set(self._shards), complete=True)
            index_is_right = INDEX in there and there[INDEX].git_hash == git_hash(index)
            if not (shards or others or stale) and index_is_right:
                return head
            if before == (shards, others, stale):
                if conflicts == 0:
                    raise HubError(f"{self._repo} does not hold {(shards + others + [INDEX])[0]} although it was sent")
                if conflicts >= 5:
                    raise HubError(f"{self._repo} is being changed by somebody else all the time; run it again later")
            before = (shards, others, stale)
            try:
                self._commit(head, shards, others, stale)
                conflicts = 0
            except HubConflict:
                conflicts += 1

    def _ensure_repository(self, *, public: bool) -> None:
        def ensure() -> Any:
            try:
                return self._api.dataset_info(self._repo, timeout=30)
            except self._calls.hub.errors.RepositoryNotFoundError as error:
                if error.response.status_code == 401:
                    raise
                self._api.create_repo(self._repo, repo_type="dataset", private=not public, exist_ok=True)
                return self._api.dataset_info(self._repo, timeout=30)

        if not self._calls.call(f"opening {self._repo}", ensure).private and not public:
            raise InputError(f"{self._repo} is public; say --public to publish there, or name another", field="public")

    def _look(self) -> tuple[str, dict[str, RemoteFile]]:
        """Return the last commit and its files."""

        def look() -> tuple[str, dict[str, RemoteFile]]:
            head = str(self._api.dataset_info(self._repo, timeout=30).sha)
            tree = self._api.list_repo_tree(self._repo, recursive=True, revision=head, repo_type="dataset")
            files = (item for item in tree if hasattr(item, "blob_id"))
            return head, {
                item.path: RemoteFile(
                    size=item.size, sha256=item.lfs.sha256 if item.lfs else None, git_hash=item.blob_id
                )
                for item in files
            }

        return self._calls.call("reading what is there", look)

    def _stale(self, head: str, there: Mapping[str, RemoteFile], *, replace: bool) -> list[str]:
        """Return the files that do not belong to this dataset; refuse a repository with another one."""
        foreign = sorted(set(there) - set(self._shards) - set(self._others) - _HARMLESS)
        known = self._read_index(head) if INDEX in there else None
        if (
            known != self._dataset.fingerprint
            and (known is not None or len(set(there) - _HARMLESS) > 0)
            and not replace
        ):
            what = "another dataset" if known else "files that no push of DeepSynth wrote"
            raise InputError(f"{self._repo} holds {what}; name another repository, or --replace it", field="replace")
        return foreign if replace else []

    def _read_index(self, head: str) -> str | None:
        def read() -> str | None:
            path = self._calls.hub.hf_hub_download(self._repo, INDEX, repo_type="dataset", revision=head)
            return json.loads(Path(path).read_text(encoding="utf-8")).get("fingerprint")

        return self._calls.call("reading the index", read)

    def _missing(self, files: Mapping[str, Any], there: Mapping[str, RemoteFile]) -> list[str]:
        return [
            name
            for name, facts in files.items()
            if name not in there or not there[name].equals(self._folder / name, facts)
        ]

    def _commit(self, head: str, shards: list[str], others: list[str], stale: list[str]) -> None:
        """Send the next shards with the index that names them; with the last ones everything else."""
        batch, rest = shards[: self._per_commit], shards[self._per_commit :]
        last = not rest
        names = [*batch, *(others if last else [])]
        index = self._index(set(self._shards) - set(rest), complete=last)
        what = f"sending {len(names)} files" if last else f"sending shards {batch[0]} to {batch[-1]}"

        def commit() -> None:
            add, delete = self._calls.hub.CommitOperationAdd, self._calls.hub.CommitOperationDelete
            operations = [
                *(add(path_in_repo=name, path_or_fileobj=str(self._folder / name)) for name in names),
                add(path_in_repo=INDEX, path_or_fileobj=index),
                *(delete(path_in_repo=name) for name in stale),
            ]
            self._api.create_commit(
                self._repo,
                operations,
                commit_message=f"Add {len(names)} files" if last else f"Add {len(batch)} shards",
                repo_type="dataset",
                parent_commit=head,
            )

        self._calls.call(what, commit)
        self.uploaded += len(names)

    def _index(self, present: set[str], *, complete: bool) -> bytes:
        facts = {
            "format": 1,
            "fingerprint": self._dataset.fingerprint,
            "complete": complete,
            "shards": {name: self._shards[name] for name in sorted(present)},
        }
        return (json.dumps(facts, indent=1) + "\n").encode()

    def _tell(self, done: int) -> None:
        self._reporter.progress(Progress(done=done, total=len(self._shards), message="uploading shards"))

    def files(self) -> Iterator[str]:
        """Yield the names of everything that the repository is to hold, besides its index."""
        yield from (*self._shards, *self._others)
