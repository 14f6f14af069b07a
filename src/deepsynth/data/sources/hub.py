"""Datasets of the Hugging Face Hub, read file by file through `huggingface_hub` and pyarrow.

There is no loading library in between: the file names of a revision tell its configurations and splits
(`deepsynth.data.sources.layout`), and only the files that are reached are downloaded into the Hub's own cache, or read over
the network without a copy. A configuration that is named is looked for and never ignored: reading an export without it would
mix all languages. Tokens are left to `huggingface_hub`'s own login.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.hub_calls import HubCalls, first_line
from deepsynth.data.sources.known import EXPORT_REVISION, KnownDataset, find_known
from deepsynth.data.sources.layout import choose_files
from deepsynth.data.sources.remote import RemoteFile, StoredFile
from deepsynth.data.sources.tables import TableSource


def open_hub(config: SourceConfig) -> TableSource:
    """Return the Hub dataset that `config.source` names, by short name or id.

    Raises:
        InputError: no such dataset, revision, configuration or split; or the Hub cannot be reached.
    """
    known = find_known(config.source)
    subset = _subset(config, known)
    identifier = known.id if known else config.source
    calls = HubCalls()
    found = _list_files(calls, identifier, config.revision or (known.revision if known else None))

    def copy(name: str) -> StoredFile:
        def download() -> str:
            return calls.hub.hf_hub_download(identifier, name, repo_type="dataset", revision=found.commit)

        return Path(calls.call(f"downloading {name} of {identifier}", download))

    def stream(name: str) -> StoredFile:
        return RemoteFile(f"hf://datasets/{identifier}@{found.commit}/{name}")

    where = f"{identifier} (revision {found.revision})"
    files = choose_files(found.paths, subset, where)
    return TableSource(
        name_of(identifier, subset),
        files,
        _complete(config, known, subset),
        fetch=stream if config.streaming else copy,
        identity={"id": identifier, "commit": found.commit, "subset": subset},
        license=known.license if known else found.license,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listing:
    """What a revision of a dataset holds."""

    revision: str
    commit: str
    paths: list[str]
    license: str


def open_local_export(folder: Path, config: SourceConfig) -> TableSource:
    """Return the dataset in a local folder that is laid out as on the Hub.

    Raises:
        InputError: several configurations and none named, an unknown one, or no file of rows.
    """
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    chosen = choose_files(paths, config.subset, str(folder))
    files = {split: [str(folder / name) for name in names] for split, names in chosen.items()}
    return TableSource(name_of(folder.resolve().name, config.subset), files, config)


def name_of(identifier: str, subset: str | None) -> str:
    """Return the source's name: configurations are different sources, so that their rows never count as one."""
    return f"{identifier}:{subset}" if subset else identifier


def _subset(config: SourceConfig, known: KnownDataset | None) -> str | None:
    if known is None or config.subset:
        return config.subset
    if known.subset_is_language:
        raise InputError(
            f"{known.id} has a configuration for each language; name one of them as its subset: {', '.join(known.subsets)}",
            field="subset",
        )
    return known.usual_subset


def _complete(config: SourceConfig, known: KnownDataset | None, subset: str | None) -> SourceConfig:
    """Fill in what is known of the dataset where the settings leave it open."""
    if known is None:
        return config
    return config.override(
        {
            "text_column": config.text_column or known.text,
            "summary_column": config.summary_column or known.summary,
            "subset": subset,
            "language": known.language(subset or "") if config.language == "und" else config.language,
        }
    )


def _list_files(calls: HubCalls, identifier: str, revision: str | None) -> _Listing:
    """Return what a revision holds; without a wish, the export if there is one, else main."""
    errors = calls.hub.errors
    last: Exception | None = None
    for candidate in [revision] if revision else [EXPORT_REVISION, "main"]:
        try:
            info = calls.call(
                f"opening {identifier}",
                lambda candidate=candidate: calls.hub.HfApi().dataset_info(identifier, revision=candidate, timeout=30),
            )
        except errors.RevisionNotFoundError as error:
            last = error
            continue
        except errors.RepositoryNotFoundError as error:
            raise InputError(
                f"{identifier} is neither a file or folder here nor a dataset on the Hub "
                "(a private one needs `hf auth login`)",
                field="source",
            ) from error
        except errors.HFValidationError as error:
            raise InputError(
                f"{identifier} is no name that the Hub knows: {first_line(error)}", field="source"
            ) from error
        paths = [item.rfilename for item in info.siblings or []]
        license = (getattr(info, "card_data", None) or {}).get("license") or ""
        return _Listing(revision=candidate, commit=info.sha, paths=paths, license=str(license))
    raise InputError(f"{identifier} has no revision {revision or 'main'!r}: {first_line(last)}", field="revision")
