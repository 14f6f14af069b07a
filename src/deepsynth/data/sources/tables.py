"""Tables of rows as a source: one file or many, each belonging to a split or to none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from deepsynth.core.documents import Record
from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection, RowSource, make_fingerprint
from deepsynth.data.sources.columns import Columns, RowError, choose_columns, read_row
from deepsynth.data.sources.readers import find_format
from deepsynth.data.sources.remote import RemoteFile, StoredFile, identity_of, remote_errors

Fetch = Callable[[str], StoredFile]
"""Gives the file of a name: for files that are local already just the path, for others a copy, or the way to read them."""

_READING_FIELDS = {
    "text_column", "summary_column", "id_column", "language_column", "group_column", "language", "require_summary",
    "max_chars",
}  # fmt: skip


class TableSource(RowSource):
    """Rows of files in a fixed order, split by split; files are fetched one at a time, when they are reached."""

    def __init__(
        self,
        name: str,
        files: Mapping[str, Sequence[str]],
        config: SourceConfig,
        *,
        fetch: Fetch = Path,
        identity: Mapping[str, object] | None = None,
        license: str = "",
    ) -> None:
        """`files` maps a split (empty for none) to names that `fetch` turns into local files.

        `identity` stands for the contents of files that are not local, such as a commit; local files are identified by
        their size and time of change.

        Raises:
            InputError: there is no file, or `config.splits` names one that is not there.
        """
        super().__init__(name)
        unknown = [split for split in config.splits if split not in files]
        if unknown:
            known = ", ".join(filter(None, files)) or "none, so its rows are divided by the settings under `split`"
            raise InputError(f"{name} has no split {unknown[0]!r}; it has: {known}", field="splits")
        self.files = {
            split: list(found) for split, found in files.items() if not config.splits or split in config.splits
        }
        self.config = config
        self._fetch = fetch
        self._identity = identity
        self.license = license
        if not any(self.files.values()):
            raise InputError(f"{name} holds no file of rows")
        if identity is None:
            for path in self._names():
                find_format(fetch(path))

    @property
    def fingerprint(self) -> str:
        """Of the files and of the settings that change how they are read."""
        reading = self.config.model_dump(mode="json", include=_READING_FIELDS)
        identity = self._identity or {name: identity_of(self._fetch(name)) for name in self._names()}
        return make_fingerprint({"files": self.files, "identity": identity, "reading": reading})

    def expected_rows(self) -> int | None:
        """Return the number of rows where all files are here and tell it quickly."""
        total = 0
        for name in self._names() if self._identity is None else ():
            path = self._fetch(name)
            count = find_format(path).count(path) if isinstance(path, Path) else None
            if count is None:
                return None
            total += count
        return total if self._identity is None else None

    def columns(self) -> Columns:
        """Return which column is which, judged by the first file."""
        path = self._fetch(next(self._names()))
        return choose_columns(find_format(path).columns(path), self.config, path.name)

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield the rows, file by file; a row's index counts the rows of its split, bad ones included."""
        columns = self.columns()
        for split, names in self.files.items():
            index = 0
            for name in names:
                file = self._fetch(name)
                with remote_errors(str(file)) if isinstance(file, RemoteFile) else nullcontext():
                    for row in self._file_rows(file, columns, split, index):
                        index += 1
                        yield row

    def _file_rows(self, path: StoredFile, columns: Columns, split: str, index: int) -> Iterator[Record | Rejection]:
        form = find_format(path)
        absent = [name for name in columns.names() if name not in form.columns(path)]
        if absent and path.suffix in (".parquet", ".arrow", ".csv", ".tsv"):
            raise InputError(f"{path} has no column {absent[0]!r}, which an earlier file has")
        prefix = f"{split}/" if split else ""
        for number, (where, raw) in enumerate(form.rows(path, columns.names()), index):
            if isinstance(raw, RowError):
                yield Rejection(where=prefix + where, reason=raw.reason, detail=raw.detail)
                continue
            meta = {"index": str(number)}
            meta |= {"configuration": self.config.subset} if self.config.subset else {}
            meta |= {"split": split} if split else {}
            yield read_row(raw, columns, self.config, where=prefix + where, meta=meta)

    def _names(self) -> Iterator[str]:
        return (name for names in self.files.values() for name in names)
