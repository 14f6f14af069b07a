"""The base of every settings class: frozen, closed to unknown names, and the same tree for flags, files and forms."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from deepsynth.core.errors import SettingsError
from deepsynth.core.files import write_json


class Config(BaseModel):
    """A group of settings. Each field has limits, a default and a docstring line, read by `--help`, forms and docs."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        validate_by_name=True,  # a flag that is a Python keyword (`--for`) is an alias; its field's name works as well
        validate_by_alias=True,
        protected_namespaces=(),
    )

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Check `values` and return the settings.

        Raises:
            SettingsError: names each wrong setting by its dotted path, with the nearest known name.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(
                describe_validation_error(error, cls), field=".".join(map(str, first["loc"]))
            ) from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read settings from a JSON or YAML file, as `save` or a user wrote it."""
        return cls.parse(read_settings_file(path))

    def completed(self) -> Self:
        """Return the settings with open values filled in from the files that they name; the base class has none to fill in."""
        return self

    def save(self, path: Path) -> None:
        """Write the whole tree as JSON; `load` gives an equal object."""
        write_json(path, self.model_dump(mode="json"))

    def override(self, values: Mapping[str, Any]) -> Self:
        """Return a copy with `values` (nested, or by dotted path) laid over this tree and checked again."""
        return type(self).parse(merge(self.model_dump(), values))


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return the mapping in a `.json`, `.yaml` or `.yml` file.

    Raises:
        SettingsError: the file is absent, unreadable, or holds something other than a mapping.
    """
    if not path.is_file():
        raise SettingsError(f"no settings file at {path}")
    is_json = path.suffix.lower() == ".json"
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text) if is_json else yaml.safe_load(text)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as {'JSON' if is_json else 'YAML'}: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} cannot be read as YAML: {yaml_reason(error)}") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} must hold a mapping of settings, not {type(value).__name__}")
    return cast("dict[str, Any]", value)


def yaml_reason(error: yaml.YAMLError) -> str:
    """Return in one line what is wrong with a YAML text, and where; the library's own words take several."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on top; nested mappings merge, dotted names reach inside, all else replaces."""
    merged = dict(base)
    for name, value in over.items():
        head, _, rest = name.partition(".")
        inner = {rest: value} if rest else value
        known = merged.get(head)
        if isinstance(inner, Mapping) and (isinstance(known, Mapping) or rest):
            below: Mapping[str, Any] = cast("Mapping[str, Any]", known) if isinstance(known, Mapping) else {}
            merged[head] = merge(below, cast("Mapping[str, Any]", inner))
        else:
            merged[head] = inner
    return merged


def describe_validation_error(error: ValidationError, root: type[BaseModel] | None = None) -> str:
    """Return one line: each wrong setting by dotted path, with the reason; with `root`, also the nearest known one."""
    return "; ".join(_describe(item, root) for item in error.errors())


def reason_of(item: ErrorDetails | Mapping[str, Any]) -> str:
    """Return what is wrong with a value, without the words that pydantic puts before our own."""
    return str(item["msg"]).removeprefix("Value error, ")


def _describe(item: ErrorDetails, root: type[BaseModel] | None) -> str:
    path = ".".join(map(str, item["loc"]))
    if item["type"] != "extra_forbidden":
        given = "" if isinstance(item["input"], Mapping | BaseModel) else f" (got {item['input']!r})"
        return (f"{path}: " if path else "") + reason_of(item) + given
    if root is None:
        return f"{path}: unknown setting"
    owner: type[BaseModel] = root
    for part in item["loc"][:-1]:
        field = owner.model_fields.get(str(part))
        inner = model_in(field.annotation) if field else None
        if inner is None:
            break
        owner = inner
    near = difflib.get_close_matches(str(item["loc"][-1]), owner.model_fields, n=1)
    return f"{path}: unknown setting" + (f"; did you mean {near[0]!r}?" if near else "")


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the settings class inside a field's annotation (`Group` or `Group | None`), or none."""
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
