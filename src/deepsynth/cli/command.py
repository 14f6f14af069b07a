"""Turns a row of the catalog into a command whose flags are the fields of its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from pydantic import BaseModel, create_model

from deepsynth.cli.reporter import ConsoleReporter
from deepsynth.core.config import Config, merge, model_in, read_settings_file
from deepsynth.core.errors import SettingsError
from deepsynth.workflows.catalog import Verb


def make_command(verb: Verb) -> Callable[..., None]:
    """Return the function that cyclopts calls: it joins the layers of settings, runs the verb and prints its result."""
    config_class = verb.config_class()
    flags_class = _with_groups(config_class)

    def command(
        *positional: Any, given: BaseModel | None = None, config: Path | None = None, preset: str | None = None
    ) -> None:
        flags = given.model_dump(exclude_unset=True) if given else {}
        if positional and verb.positional:
            flags[verb.positional] = arguments_of(verb, positional)
        file = read_settings_file(config) if config else {}
        settings = layered(config_class, verb.preset_settings(preset), file, flags)
        with ConsoleReporter() as reporter:
            result = verb.function()(settings, reporter)
            reporter.result(result)

    signature = _signature(verb, flags_class)
    command.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    command.__doc__ = verb.help
    return command


def arguments_of(verb: Verb, positional: Sequence[Any]) -> Any:
    """Return what the arguments without a flag mean for the setting that takes them.

    Raises:
        SettingsError: there are several, and the verb takes one; often one of them was meant for the flag before it.
    """
    if verb.several:
        return list(positional)
    if len(positional) > 1:
        raise SettingsError(
            f"{verb.name} takes one {str(verb.positional).upper()}, not {' '.join(map(str, positional))};"
            " a flag with several values is repeated for each of them",
            field=verb.positional,
        )
    return positional[0]


def with_bare_groups(verb: Verb, tokens: Sequence[str]) -> list[str]:
    """Return the tokens, with each group that is named alone (`--cache`) switched on with its default settings.

    Where flags of the group follow or precede (`--cache --cache.precision int8`) they switch it on already.
    """
    fields = verb.config_class().model_fields
    groups = {
        f"--{name.replace('_', '-')}"
        for name, field in fields.items()
        if field.default is None and model_in(field.annotation) is not None
    }
    found: list[str] = []
    for token, following in zip(tokens, [*tokens[1:], "--"], strict=True):
        if token not in groups or not following.startswith("-"):
            found.append(token)
        elif not any(other.startswith(f"{token}.") for other in tokens):
            found += [token, "{}"]
    return found


def layered(config_class: type[Config], *layers: Mapping[str, Any]) -> Config:
    """Return the settings with each layer laid over the one before, checked once at the end and completed.

    Raises:
        SettingsError: names the wrong setting by its dotted path.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        values = merge(values, layer)
    return config_class.parse(values).completed()


def _signature(verb: Verb, flags_class: type[BaseModel]) -> inspect.Signature:
    kinds = inspect.Parameter
    parameters: list[inspect.Parameter] = []
    if verb.positional:
        help_text = flags_class.model_fields[verb.positional].description
        parameter = cyclopts.Parameter(name=verb.positional.upper(), help=help_text, allow_leading_hyphen=False)
        parameters.append(kinds("positional", kinds.VAR_POSITIONAL, annotation=Annotated[str, parameter]))
    given = Annotated[flags_class, cyclopts.Parameter(name="*")]
    parameters.append(kinds("given", kinds.KEYWORD_ONLY, annotation=given, default=flags_class.model_construct()))
    file = Annotated[Path | None, cyclopts.Parameter(help="Settings file (YAML or JSON); flags override it.")]
    parameters.append(kinds("config", kinds.KEYWORD_ONLY, annotation=file, default=None))
    if verb.presets:
        known = " ".join(f"{name}: {sentence}" for name, sentence in verb.preset_descriptions().items())
        preset = Annotated[
            str | None, cyclopts.Parameter(help=f"Named settings, which the settings file and flags override. {known}")
        ]
        parameters.append(kinds("preset", kinds.KEYWORD_ONLY, annotation=preset, default=None))
    return inspect.Signature(parameters)


def _with_groups(config_class: type[Config]) -> type[BaseModel]:
    """Return a class of the same fields, in which each nested group of settings has its own panel in the help.

    It has none of the class's own checks: flags are only a part of the settings, and checks that join several of them are
    made once all layers are together.
    """
    fields: dict[str, Any] = {}
    for name, field in config_class.model_fields.items():
        inner = model_in(field.annotation)
        annotation: Any = field.annotation
        if inner is not None:
            title = f"{name}: {(field.description or inner.__doc__ or '').strip().splitlines()[0]}"
            annotation = Annotated[annotation, cyclopts.Parameter(group=cyclopts.Group(title))]
        fields[name] = (annotation, field)
    return create_model(config_class.__name__, __base__=Config, **fields)
