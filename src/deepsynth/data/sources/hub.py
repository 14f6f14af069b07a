"""Datasets of the Hugging Face Hub, read file by file through `huggingface_hub` and pyarrow.

No loading library in between: the file names of a revision tell its configurations and splits
(`deepsynth.data.sources.layout`), and only the files that are reached are downloaded, into the Hub's own cache. A
configuration that is named is looked for and never ignored: reading an export without it would mix all languages.
Tokens are left to `huggingface_hub`'s own login.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsynth.core.errors import InputError, MissingExtraError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.known import EXPORT_REVISION, KnownDataset, find_known
from deepsynth.data.sources.layout import choose_files
from deepsynth.data.sources.tables import TableSource


def open_hub(config: SourceConfig) -> TableSource:
    """Return the Hub dataset that `config.source` names, by short name or id.

    Raises:
        InputError: no such dataset, revision, configuration or split; or the Hub cannot be reached.
    """
    known = find_known(config.source)
    subset = _subset(config, known)
    identifier = known.id if known else config.source
    hub = _import_hub()
    revision, commit, paths = _list_files(hub, identifier, config.revision or (known.revision if known else None))

    def fetch(name: str) -> Path:
        try:
            return Path(hub.hf_hub_download(identifier, name, repo_type="dataset", revision=commit))
        except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError, OSError) as error:
            raise InputError(f"cannot download {name} of {identifier}: {_first_line(error)}") from error

    files = choose_files(paths, subset, f"{identifier} (revision {revision})")
    identity = {"id": identifier, "commit": commit, "subset": subset}
    return TableSource(
        name_of(identifier, subset), files, _complete(config, known, subset), fetch=fetch, identity=identity
    )


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
        raise InputError(f"{known.id} has one configuration a language; name one with --subset: "
                         f"{', '.join(known.subsets)}", field="subset")  # fmt: skip
    return known.subsets[0]


def _complete(config: SourceConfig, known: KnownDataset | None, subset: str | None) -> SourceConfig:
    """Fill in what is known of the dataset where the settings leave it open."""
    if known is None:
        return config
    return config.override(
        {
            "text_column": config.text_column or known.text,
            "summary_column": config.summary_column or known.summary,
            "language": known.language(subset or "") if config.language == "und" else config.language,
        }
    )


def _list_files(hub: Any, identifier: str, revision: str | None) -> tuple[str, str, list[str]]:
    """Return the revision, its commit, and its file names; without a wish, the export if there is one, else main."""
    errors = hub.errors
    last: Exception | None = None
    for candidate in [revision] if revision else [EXPORT_REVISION, "main"]:
        try:
            info = hub.HfApi().dataset_info(identifier, revision=candidate, timeout=30)
        except errors.RevisionNotFoundError as error:
            last = error
            continue
        except errors.GatedRepoError as error:
            raise InputError(
                f"{identifier} asks for consent: accept its terms on its page, then `hf auth login`"
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise InputError(
                f"{identifier} is neither a file or folder here nor a dataset on the Hub "
                "(a private one needs `hf auth login`)",
                field="source",
            ) from error
        except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
            raise InputError(f"cannot reach {identifier} on the Hub: {_first_line(error)}") from error
        return candidate, info.sha, [item.rfilename for item in info.siblings or []]
    raise InputError(f"{identifier} has no revision {revision or 'main'!r}: {_first_line(last)}", field="revision")


def _first_line(error: Exception | None) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _import_hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    return huggingface_hub
