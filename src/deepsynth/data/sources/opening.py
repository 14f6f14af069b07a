"""Tells from one word of the user which source is meant."""

from __future__ import annotations

from pathlib import Path

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import DocumentSource, sources
from deepsynth.data.sources.folder import FolderSource, is_document
from deepsynth.data.sources.hub import name_of, open_hub, open_local_export
from deepsynth.data.sources.known import KNOWN, find_known
from deepsynth.data.sources.layout import choose_files
from deepsynth.data.sources.readers import is_table
from deepsynth.data.sources.remote import RemoteFile, list_files
from deepsynth.data.sources.tables import TableSource


def open_source(config: SourceConfig) -> DocumentSource:
    """Return the source that `config.source` means: a registered name, a path that exists, a known dataset, a Hub id.

    Raises:
        InputError: it is none of these; or the source itself cannot be opened.
    """
    name = config.source
    if name in sources.names():
        return sources.get(name)(config)
    if "://" in name:
        return _open_url(name, config)
    path = Path(name).expanduser()
    if path.exists():
        return _open_path(path, config)
    if find_known(name) or (name.count("/") == 1 and not _looks_like_path(name)):
        return open_hub(config)
    raise InputError(
        f"no file or folder at {name}, and no source of that name; "
        f"sources: {', '.join(sources.names())}; datasets: {', '.join(KNOWN)}",
        field="source",
    )


def _open_url(url: str, config: SourceConfig) -> TableSource:
    """Return the tables at an address; a folder of them is laid out as on the Hub."""
    base, found = list_files(url)
    if found == [base] or "*" in url:
        files = {"": found}
    else:
        inside = [item.removeprefix(base).lstrip("/") for item in found]
        chosen = choose_files(inside, config.subset, url)
        files = {split: [f"{base.rstrip('/')}/{item}" for item in names] for split, names in chosen.items()}
    return TableSource(name_of(url, config.subset), files, config, fetch=RemoteFile)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", "/")) or is_table(Path(name)) or is_document(Path(name)) or name.endswith("/")


def _open_path(path: Path, config: SourceConfig) -> DocumentSource:
    if path.is_file():
        return TableSource(path.name, {"": [str(path)]}, config)
    inside = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    tables, documents = any(map(is_table, inside)), any(map(is_document, _without_cards(inside)))
    if tables and documents:
        raise InputError(f"{path} holds both tables of rows and documents; name the file, or a folder with one kind")
    return open_local_export(path, config) if tables else FolderSource(path, config)


def _without_cards(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.name.lower() != "readme.md"]
