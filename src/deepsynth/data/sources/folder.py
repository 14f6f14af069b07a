"""A folder of documents: text, Markdown, PDF and pictures, with summaries in files beside them.

The summary of `report.pdf` is `report.summary.txt`. Text is read here, where a broken file can be told from a good one;
other kinds are handed on by path, since only a renderer can open them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deepsynth.core.documents import Document, Record
from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection, RowSource, make_fingerprint
from deepsynth.data.sources.columns import RowError, check_text

TEXT_SUFFIXES = (".txt", ".text")
OTHER_SUFFIXES = (".md", ".markdown", ".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
KNOWN_SUFFIXES = (*TEXT_SUFFIXES, *OTHER_SUFFIXES)
SUMMARY_SUFFIX = ".summary.txt"


class FolderSource(RowSource):
    """The documents below a folder, by name; hidden files are left out, files of unknown kind are listed."""

    def __init__(self, folder: Path, config: SourceConfig) -> None:
        """Look into `folder`.

        Raises:
            InputError: it holds no document.
        """
        super().__init__(folder.resolve().name)
        self.folder = folder
        self.config = config
        self._paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
        if not any(is_document(path) for path in self._paths):
            raise InputError(f"{folder} holds no document; known kinds are {', '.join(KNOWN_SUFFIXES)}")

    @property
    def fingerprint(self) -> str:
        """Of the names, sizes and times of change of all files."""
        files = [(str(path.relative_to(self.folder)), *_facts(path)) for path in self._paths]
        settings = self.config.model_dump(mode="json", include={"language", "require_summary", "max_chars"})
        return make_fingerprint({"files": files, "settings": settings})

    def expected_rows(self) -> int:
        """Return the number of files that are no summaries."""
        return sum(not path.name.endswith(SUMMARY_SUFFIX) for path in self._paths)

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield one row a document."""
        index = 0
        for path in self._paths:
            if path.name.endswith(SUMMARY_SUFFIX):
                continue
            where = path.relative_to(self.folder).as_posix()
            try:
                yield self._record(path, where, index)
            except RowError as error:
                yield Rejection(where=where, reason=error.reason, detail=error.detail)
            index += 1

    def _record(self, path: Path, where: str, index: int) -> Record:
        if not is_document(path):
            kind = path.suffix or "files without an ending"
            raise RowError("unknown-kind", f"{kind} cannot be read from a folder; known: {', '.join(KNOWN_SUFFIXES)}")
        if path.stat().st_size == 0:
            raise RowError("empty", "the file is empty")
        summary = self._summary(path)
        is_text = path.suffix.lower() in TEXT_SUFFIXES
        document = Document(
            id=where,
            text=_read(path, self.config.max_chars) if is_text else None,
            path=None if is_text else path,
            language=self.config.language,
            meta={"index": str(index)},
        )
        return Record(document=document, summary=summary)

    def _summary(self, path: Path) -> str | None:
        beside = path.with_name(path.stem + SUMMARY_SUFFIX)
        if beside.is_file():
            return _read(beside, self.config.max_chars).strip()
        if self.config.require_summary:
            raise RowError("missing-summary", f"no {beside.name} beside it")
        return None


def is_document(path: Path) -> bool:
    """Return whether `path` is named like a document (and not like a summary)."""
    return path.suffix.lower() in KNOWN_SUFFIXES and not path.name.endswith(SUMMARY_SUFFIX)


def _read(path: Path, max_chars: int) -> str:
    if path.stat().st_size > 4 * max_chars:
        raise RowError(
            "too-long", f"{path.name} has {path.stat().st_size} bytes; at most {max_chars} characters are read"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        reason = "binary" if b"\0" in path.read_bytes()[:4096] else "bad-encoding"
        raise RowError(reason, f"{path.name} is not UTF-8 text: {error}") from error
    check_text(text, path.name, max_chars)
    return text


def _facts(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
