"""Finds the splits and configurations in a tree of files, on disk or on the Hub, from the names alone.

Three layouts are met: `CONFIG/SPLIT/0000.parquet` (the Hub's own Parquet export), `CONFIG/SPLIT-00000-of-00003.parquet`
(what `push_to_hub` writes, `data` being the usual CONFIG), and plain `train.jsonl`. Reading an export without naming a
configuration would mix all of them (German rows among French ones), so several configurations are a question, never
an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from deepsynth.core.errors import InputError
from deepsynth.data.sources.readers import is_table

DEFAULT = "default"
_SPLIT = re.compile(r"(?:^|[^a-z])(train|training|validation|valid|val|dev|test|ca_test)(?:[^a-z]|$)", re.IGNORECASE)
_CANONICAL = {"training": "train", "valid": "validation", "val": "validation", "dev": "validation"}
_ORDER = {"train": 0, "validation": 1, "test": 2}

Splits = dict[str, list[str]]


def choose_files(paths: Iterable[str], subset: str | None, where: str) -> Splits:
    """Return the files of each split of one configuration, in a fixed order.

    Raises:
        InputError: `subset` is absent, or there are several configurations and none is named.
    """
    found = group_files(paths)
    if not found:
        raise InputError(f"{where} holds no file of rows (JSON lines, CSV, Parquet, Arrow)")
    if subset is None and len(found) == 1:
        return next(iter(found.values()))
    if subset is None and DEFAULT in found:
        return found[DEFAULT]
    known = ", ".join(sorted(found))
    if subset is None:
        raise InputError(
            f"{where} has several configurations ({known}); name one of them as its subset", field="subset"
        )
    if subset not in found:
        raise InputError(f"{where} has no configuration {subset!r}; it has: {known}", field="subset")
    return found[subset]


def group_files(paths: Iterable[str]) -> dict[str, Splits]:
    """Return configuration -> split -> files; files of no recognizable split stand under the empty name."""
    found: dict[str, Splits] = {}
    for path in sorted(paths):
        name = PurePosixPath(path)
        if not is_table(name) or any(part.startswith(".") for part in name.parts):
            continue
        config, split = _place(name)
        found.setdefault(config, {}).setdefault(split, []).append(path)
    return {config: _in_order(splits) for config, splits in found.items()}


def _place(path: PurePosixPath) -> tuple[str, str]:
    folders = path.parts[:-1]
    if len(folders) >= 2:
        # Exports call a split that was cut short for its size `partial-train`.
        return "/".join(folders[:-1]), _canonical(folders[-1].removeprefix("partial-"))
    split = _SPLIT.search(path.name)
    if folders and split is None and _SPLIT.fullmatch(folders[0]):
        return DEFAULT, _canonical(folders[0])
    config = folders[0] if folders and folders[0] != "data" else DEFAULT
    return config, _canonical(split[1]) if split else ""


def _canonical(split: str) -> str:
    return _CANONICAL.get(split.lower(), split)


def _in_order(splits: Splits) -> Splits:
    return {name: splits[name] for name in sorted(splits, key=lambda name: (_ORDER.get(name, 3), name))}
