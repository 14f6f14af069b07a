"""Forms and their other shapes: the JSON Schema of a kind's settings, the equal command line, the equal YAML."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping
from typing import Any, cast, get_args, get_origin

import yaml
from pydantic import BaseModel

from deepsynth.core.config import Config, merge, model_in, yaml_reason
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.workflows.catalog import Verb, job_kinds


def verb_of(kind: str) -> Verb:
    """Return the verb of a kind of job.

    Raises:
        InputError: there is no such kind; names those that there are.
    """
    kinds = job_kinds()
    if kind not in kinds:
        raise InputError(f"no kind of job {kind[:60]!r}; known: {', '.join(kinds)}", field="kind")
    return kinds[kind]


@functools.cache
def describe_kind(kind: str) -> dict[str, Any]:
    """Return what a form of this kind needs, from the same classes that the command line reads."""
    verb = verb_of(kind)
    assert verb.job is not None
    config = verb.config_class()
    return {
        "kind": kind,
        "verb": verb.name,
        "help": verb.help,
        "schema": config.model_json_schema(by_alias=False),
        "defaults": config().model_dump(mode="json"),
        "presets": {
            name: {"settings": values, "description": verb.preset_descriptions()[name]}
            for name, values in verb.preset_table().items()
        },
        "references": dict(verb.job.references),
        "output": verb.job.output,
        "accelerator": verb.job.accelerator,
    }


def differences(config: Config, base: Config) -> dict[str, Any]:
    """Return what `config` says otherwise than `base`, nested, as plain values."""
    return _different(config.model_dump(mode="json"), base.model_dump(mode="json"))


def _different(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        known = base.get(name)
        if value == known:
            continue
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            inner, other = cast("Mapping[str, Any]", value), cast("Mapping[str, Any]", known)
            found[name] = _different(inner, other) if other.keys() <= inner.keys() else inner
        else:
            found[name] = value
    return found


def as_yaml(verb: Verb, config: Config) -> str:
    """Return the settings that differ from the defaults as a file for `--config`."""
    return yaml.safe_dump(differences(config, verb.config_class()()), sort_keys=False, allow_unicode=True)


def as_command(verb: Verb, config: Config, preset: str | None = None) -> str:
    """Return the command line that runs the same, with the preset if that is said, and otherwise what differs from it."""
    base = verb.config_class().parse(merge({}, verb.preset_settings(preset)))
    values = differences(config, base)
    words = ["deepsynth", verb.name]
    if verb.positional and verb.positional in values:
        given = values.pop(verb.positional)
        words += map(str, given) if verb.several else [str(given)]
    if preset is not None:
        words += ["--preset", preset]
    return shlex.join([*words, *_flags(values, verb.config_class())])


def _flags(values: Mapping[str, Any], owner: type[BaseModel] | None, prefix: str = "") -> list[str]:
    words: list[str] = []
    for name, value in values.items():
        field = owner.model_fields.get(name) if owner else None
        flag = f"{prefix}{((field.alias if field else None) or name).replace('_', '-')}"
        if isinstance(value, Mapping):
            inner = model_in(field.annotation) if field else None
            words += _flags(cast("Mapping[str, Any]", value), inner, f"{flag}.")
        elif isinstance(value, list) and field is not None and _has_fixed_length(field.annotation):
            words += [f"--{flag}", *map(str, cast("list[Any]", value))]
        elif isinstance(value, bool):
            head, _, tail = flag.rpartition(".")
            words.append(f"--{flag}" if value else f"--{head}.no-{tail}" if head else f"--no-{tail}")
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            head, _, tail = flag.rpartition(".")
            words += [part for item in items for part in (f"--{flag}", str(item))]
            words += [] if items else [f"--{head}.empty-{tail}" if head else f"--empty-{tail}"]
        elif value is not None:
            words += [f"--{flag}", str(value)]
    return words


def _has_fixed_length(annotation: Any) -> bool:
    """Tell a tuple of so many values, which follow one flag together, from a list, of which each value has its own."""
    return get_origin(annotation) is tuple and Ellipsis not in get_args(annotation)


class _NoAliases(yaml.SafeLoader):
    """Refuses aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            raise yaml.YAMLError("aliases (*name) are not taken here; write the value out")
        return super().compose_node(parent, index)


def parse_text(kind: str, text: str) -> dict[str, Any]:
    """Return the settings that a YAML or JSON text holds, checked against a kind.

    Raises:
        SettingsError: it is not YAML, no mapping, or a setting is unknown or wrong; its field is named.
    """
    verb = verb_of(kind)
    try:
        values = yaml.load(text, _NoAliases)
    except yaml.YAMLError as error:
        raise SettingsError(f"this is not YAML: {yaml_reason(error)}", field="text") from None
    if not isinstance(values, dict):
        raise SettingsError("settings must be a mapping of names to values", field="text")
    settings = merge({}, cast("dict[str, Any]", values))
    verb.config_class().parse(settings)
    return settings
