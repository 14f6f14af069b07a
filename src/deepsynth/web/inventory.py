"""What jobs can start from: datasets and models, found by looking, each under an id that leads nowhere else.

Clients name ids, never paths. An id is a hash of the folder's path, and only folders that are found below the state
folder and the configured ones have one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepsynth.core.files import MANIFEST, folder_bytes
from deepsynth.jobs.folder import checkpoint_step, metrics_file, read_json
from deepsynth.web.curves import read_curves
from deepsynth.web.errors import UnknownThingError

DEPTH = 4
MOST_FOLDERS = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A folder that holds a dataset or a model."""

    id: str
    path: Path
    job_id: str | None
    """The job that wrote it, if one did."""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def identify(path: Path) -> str:
    """Return the id of a folder."""
    return hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]


class Inventory:
    """Looks below some folders each time it is asked; nothing is remembered that could be out of date."""

    def __init__(self, artifacts: Path, folders: Sequence[Path]) -> None:
        """`artifacts` holds a folder for each job; `folders` are the others that may be read.

        What lies beside `artifacts` is the application's own and is left out, also where one of `folders` holds it.
        """
        self._artifacts = artifacts.resolve()
        self._private = self._artifacts.parent
        self.folders = tuple(folder.resolve() for folder in folders)

    def holds(self, path: Path) -> bool:
        """Tell whether a path lies where jobs may read."""
        real = path.resolve()
        if real.is_relative_to(self._artifacts):
            return True
        return not real.is_relative_to(self._private) and any(real.is_relative_to(root) for root in self.folders)

    def datasets(self) -> list[Found]:
        """Return the datasets, newest first."""
        found = (self._found(path, dataset_facts) for path in self._walk() if (path / "dataset.json").is_file())
        return sorted(found, key=lambda item: item.facts["created_at"], reverse=True)

    def dataset(self, identity: str) -> Found:
        """Return a dataset.

        Raises:
            UnknownThingError: none has this id.
        """
        return _one(self.datasets(), identity, "dataset")

    def models(self) -> list[Found]:
        """Return the models, newest first."""
        found = (self._found(path, model_facts) for path in self._walk() if is_model(path))
        return sorted(found, key=lambda item: item.facts["created_at"], reverse=True)

    def model(self, identity: str) -> Found:
        """Return a model.

        Raises:
            UnknownThingError: none has this id.
        """
        return _one(self.models(), identity, "model")

    def owner(self, path: Path) -> str | None:
        """Return the job whose folder a path lies in."""
        if not path.is_relative_to(self._artifacts) or path == self._artifacts:
            return None
        return path.relative_to(self._artifacts).parts[0]

    def _found(self, path: Path, facts: Callable[[Path], dict[str, Any]]) -> Found:
        return Found(id=identify(path), path=path, job_id=self.owner(path), facts=facts(path))

    def _walk(self) -> Iterator[Path]:
        seen: set[Path] = set()
        for root in (self._artifacts, *self.folders):
            for path in _folders(root, DEPTH, self._private if root != self._artifacts else None):
                if path not in seen:
                    seen.add(path)
                    yield path
                if len(seen) >= MOST_FOLDERS:
                    return


def _folders(root: Path, depth: int, leave_out: Path | None) -> Iterator[Path]:
    if root == leave_out:
        return
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:  # it is not there, or not ours to read
        return
    yield root
    for entry in entries:
        if depth and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _folders(Path(entry.path), depth - 1, leave_out)


def _one(found: Sequence[Found], identity: str, what: str) -> Found:
    for item in found:
        if item.id == identity:
            return item
    raise UnknownThingError(f"no {what} {identity!r}; list them to see what there is")


def is_model(path: Path) -> bool:
    """Tell whether a folder holds weights with a description."""
    described = (path / "config.json").is_file() or (path / "adapter_config.json").is_file()
    return described and any(path.glob("*.safetensors"))


def is_whole(path: Path) -> bool:
    """Tell whether a folder's manifest is there and every file of it has the size that it says; hashes are not read."""
    manifest = read_json(path / MANIFEST)
    if manifest is None:
        return False
    files: dict[str, dict[str, Any]] = manifest.get("files", {})
    return all(
        (path / name).is_file() and (path / name).stat().st_size == facts["bytes"] for name, facts in files.items()
    )


def dataset_facts(path: Path) -> dict[str, Any]:
    """Return what a list of datasets shows of one."""
    settings = read_json(path / "dataset.json") or {}
    report = read_json(path / "report.json") or {}
    splits: dict[str, int] = report.get("splits", {})
    reading: dict[str, Any] = settings.get("reading", {})
    languages = [reading["language"]] if reading.get("language", "und") != "und" else list(reading.get("languages", []))
    return {
        "name": path.name,
        "path": str(path),
        "created_at": modified(path / "dataset.json"),
        "splits": splits,
        "rows": sum(splits.values()),
        "rejected": sum(report.get("rejected", {}).values()),
        "bytes": folder_bytes(path),
        "languages": languages,
        "pages": settings.get("pages", "stored"),
        "mode": settings.get("rendering", {}).get("mode", ""),
        "whole": is_whole(path),
        "hf_dataset_repo": None,
    }


def model_facts(path: Path) -> dict[str, Any]:
    """Return what a list of models shows of one."""
    trainer = read_json(path / "trainer.json") or {}
    step = checkpoint_step(path)
    return {
        "name": f"{path.parent.name}/{path.name}",
        "path": str(path),
        "kind": "checkpoint" if step is not None else path.name if path.name in ("merged", "averaged") else "export",
        "step": step,
        "bytes": folder_bytes(path),
        "created_at": modified(path),
        "base": trainer.get("model"),
        "adapter": (path / "adapter_config.json").is_file(),
        "whole": is_whole(path),
        "loss": None if step is None else loss_at(metrics_file(str(path.parent)), step),
    }


def loss_at(metrics: Path, step: int) -> float | None:
    """Return the last loss that a run wrote up to a step."""
    points = read_curves(metrics, names={"loss"}, max_points=10**9).series.get("loss", [])
    return next((value for at, value in reversed(points) if at <= step), None)


def modified(path: Path) -> str:
    """Return when a file was last changed, in ISO 8601."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def parameters(path: Path) -> int:
    """Return the number of parameters in a folder's safetensors files, from their headers alone."""
    total = 0
    for file in path.glob("*.safetensors"):
        if file.name.startswith(("optimizer", "random", "average")):
            continue
        with file.open("rb") as content:
            header: dict[str, Any] = json.loads(content.read(int.from_bytes(content.read(8), "little")))
        for name, facts in header.items():
            if name != "__metadata__":
                size = 1
                for length in facts["shape"]:
                    size *= length
                total += size
    return total
