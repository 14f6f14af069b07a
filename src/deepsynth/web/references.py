"""From what a client names (`dataset:<id>`, `model:<id>`, `upload:<id>`, a size, a Hub id) to what a job can open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from deepsynth.core.built_in import BUILT_IN
from deepsynth.core.config import merge, model_in
from deepsynth.core.errors import InputError
from deepsynth.web.inventory import Inventory
from deepsynth.workflows.catalog import Verb

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,63}")
_REFERENCE = re.compile(r"(dataset|model|upload):([0-9a-f]{16})")


class References:
    """Turns references into paths."""

    def __init__(self, inventory: Inventory, upload: Callable[[str], Path]) -> None:
        """`upload` returns the file of an upload, or raises for an unknown one."""
        self._inventory, self._upload = inventory, upload

    def resolve(self, verb: Verb, given: Mapping[str, Any], output: Path) -> dict[str, Any]:
        """Return a client's settings with every reference turned into an absolute path and the output folder set.

        Raises:
            InputError: a setting names a path that jobs may not read, no dataset, or the output folder; its field is named.
            UnknownThingError: nothing has the id.
        """
        assert verb.job is not None
        asked = settings = merge({}, given)
        if verb.job.output and _lookup(settings, verb.job.output) is not None:
            raise InputError(
                f"{verb.job.output}: the application chooses the folder of each job; leave it out",
                field=verb.job.output,
            )
        for name, default in path_settings(verb.config_class()):
            kind = verb.job.references.get(name, "path")
            value = _lookup(settings, name)
            if name == verb.job.output:
                continue
            if isinstance(value, str) and value:
                settings = merge(settings, {name: self._resolve(kind, value, name)})
            elif value is None and default is not None and not str(default).startswith("~"):
                settings = self._with_default(settings, name, default)
        for name, kind in verb.job.references.items():
            value = _lookup(settings, name)
            self._check_chosen(verb, name, value, asked=bool(_lookup(asked, name)))
            if isinstance(value, str) and value:
                settings = merge(settings, {name: self._resolve(kind, value, name)})
            if kind == "dataset" and not Path(str(_lookup(settings, name))).exists():
                raise InputError(f"{name}: there is no dataset at {_lookup(settings, name)}; choose one", field=name)
        return merge(settings, {verb.job.output: str(output)}) if verb.job.output else settings

    def _check_chosen(self, verb: Verb, name: str, value: Any, *, asked: bool) -> None:
        """Refuse a dataset or a model that was not chosen, where the settings' default is none to go by."""
        assert verb.job is not None
        kind = verb.job.references[name]
        if kind == "dataset" and not asked and not self._is_there(Path(str(value))):
            raise InputError(f"{name}: choose a dataset, such as dataset:<id>", field=name)
        if kind == "model" and not value and _wants_one(verb, name):
            raise InputError(f"{name}: choose a model", field=name)

    def _is_there(self, path: Path) -> bool:
        return path.exists() and self._inventory.holds(path)

    def _with_default(self, settings: dict[str, Any], name: str, default: Path) -> dict[str, Any]:
        """Make a default path absolute, for a job has another working folder; a group that is off stays off."""
        group = name.rpartition(".")[0]
        if group and _lookup(settings, group) is None and group in settings:
            return settings
        return merge(settings, {name: str(default.absolute())})

    def _resolve(self, kind: str, value: str, name: str) -> str:
        found = _REFERENCE.fullmatch(value)
        if found:
            return str(self._place(found[1], found[2]))
        if kind == "model" and (value in BUILT_IN or HUB_ID.fullmatch(value)) and not Path(value).exists():
            return value
        if kind == "source" and (_NAME.fullmatch(value) or HUB_ID.fullmatch(value)) and not Path(value).exists():
            return value
        path = Path(value).absolute()
        if "\0" not in value and self._inventory.holds(path):
            return str(path.resolve())
        allowed = ", ".join(map(str, self._inventory.folders))
        raise InputError(
            f"{name}: {value[:200]!r} is no reference such as {kind if kind in ('dataset', 'model') else 'upload'}:<id>, and"
            f" jobs read paths below {allowed or 'no folder'} only",
            field=name,
        )

    def _place(self, what: str, identity: str) -> Path:
        if what == "dataset":
            return self._inventory.dataset(identity).path
        return self._inventory.model(identity).path if what == "model" else self._upload(identity)


def path_settings(config: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Path | None]]:
    """Yield every setting that is a path, dotted, with its default."""
    for name, field in config.model_fields.items():
        inner = model_in(field.annotation)
        if inner is not None:
            yield from path_settings(inner, f"{prefix}{name}.")
        elif field.annotation is Path or Path in getattr(field.annotation, "__args__", ()):
            default = field.default
            yield f"{prefix}{name}", default if isinstance(default, Path) else None


def _wants_one(verb: Verb, name: str) -> bool:
    """Whether a setting has nothing by default, so that one must be chosen."""
    field = verb.config_class().model_fields.get(name)
    return field is not None and field.default == ""


def _lookup(values: Mapping[str, Any], name: str) -> Any:
    """Return the value under a dotted name, or none."""
    found: Any = values
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, Any]", found).get(part)
    return found
