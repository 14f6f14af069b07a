from __future__ import annotations

from pathlib import Path

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.folder import FolderSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("The first document.")
    (tmp_path / "a.summary.txt").write_text("First.\n")
    (tmp_path / "deep" / "b.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "deep" / "b.summary.txt").write_text("Second.")
    (tmp_path / "c.md").write_text("# Alone")
    (tmp_path / "binary.txt").write_bytes(b"\x89PNG\0\0\xff")
    (tmp_path / "binary.summary.txt").write_text("x")
    (tmp_path / "latin.txt").write_bytes("déjà".encode("latin-1"))
    (tmp_path / "latin.summary.txt").write_text("x")
    (tmp_path / "program.exe").write_bytes(b"MZ")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / ".hidden.txt").write_text("not seen")
    return tmp_path


def test_documents_are_paired_with_the_summaries_beside_them(folder: Path) -> None:
    source = FolderSource(folder, SourceConfig(language="en"))
    records = list(source)
    assert [(record.document.id, record.summary) for record in records] == [
        ("a.txt", "First."),
        ("deep/b.pdf", "Second."),
    ]
    assert records[0].document.text == "The first document."
    assert records[1].document.path == folder / "deep" / "b.pdf"
    assert {bad.where: bad.reason for bad in source.rejected} == {
        "binary.txt": "binary",
        "c.md": "missing-summary",
        "empty.txt": "empty",
        "latin.txt": "bad-encoding",
        "program.exe": "unknown-kind",
    }


def test_summaries_are_not_asked_for_when_only_reading(folder: Path) -> None:
    source = FolderSource(folder, SourceConfig(require_summary=False))
    assert {record.document.id: record.summary for record in source}["c.md"] is None


def test_a_huge_text_is_kept_out_unread(folder: Path) -> None:
    source = FolderSource(folder, SourceConfig(max_chars=2))
    assert "a.txt" not in [record.document.id for record in source]
    assert ("a.txt", "too-long") in [(bad.where, bad.reason) for bad in source.rejected]


def test_the_fingerprint_follows_the_files(folder: Path) -> None:
    before = FolderSource(folder, SourceConfig()).fingerprint
    (folder / "a.summary.txt").write_text("Another summary.")
    assert FolderSource(folder, SourceConfig()).fingerprint != before


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"1")
    with pytest.raises(InputError, match="holds no document; known kinds are"):
        FolderSource(tmp_path, SourceConfig())
