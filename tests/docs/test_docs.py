"""What the documentation says can be done: every command in it parses, every name in its Python exists, nothing is left out."""

import ast
import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from pydantic import BaseModel

from deepsynth.cli.app import build_app
from deepsynth.cli.command import arguments_of, with_bare_groups
from deepsynth.core.config import model_in
from deepsynth.workflows.catalog import CATALOG

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
VERBS = {verb.name: verb for verb in CATALOG}


def blocks(language):
    for page in PAGES:
        for found, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if found in language:
                yield page.relative_to(ROOT).as_posix(), text


def commands():
    """Every line `deepsynth VERB ...` of a code block, with continued lines joined and comments cut."""
    for page, text in blocks(("", "bash", "sh", "shell", "console")):
        for line in text.replace("\\\n", " ").splitlines():
            command = re.sub(r"^\$ ", "", line.strip())
            if command.startswith("deepsynth ") and " | " not in command:
                yield page, command


COMMANDS = sorted(set(commands()))


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {command}" for page, command in COMMANDS])
def test_a_command_in_the_documentation_parses(page, command):
    tokens = shlex.split(command, comments=True)[1:]
    tokens = tokens[: tokens.index(">")] if ">" in tokens else tokens
    verb = VERBS[tokens[0]]
    if "--help" in tokens:
        return
    _, bound, _ = build_app(verb.name).parse_args(
        with_bare_groups(verb, tokens), exit_on_error=False, print_error=False
    )
    arguments = bound.arguments
    flags = arguments["given"].model_dump(exclude_unset=True) if "given" in arguments else {}
    if positional := arguments.get("positional"):
        flags[verb.positional] = arguments_of(verb, positional)
    if arguments.get("preset") is not None:
        assert arguments["preset"] in verb.preset_table()
    if arguments.get("config") is None:  # else a file adds what flags leave out
        verb.config_class().parse(flags)


PYTHON = list(blocks(("python", "py")))


@pytest.mark.parametrize(("page", "text"), PYTHON, ids=[f"{page} {number}" for number, (page, _) in enumerate(PYTHON)])
def test_python_in_the_documentation_names_what_is_there(page, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "deepsynth":
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or importlib.util.find_spec(f"{node.module}.{name.name}"), name.name


def test_every_verb_is_shown_in_the_guides():
    shown = {command.split()[1] for _, command in COMMANDS} | set(re.findall(r"`deepsynth (\w+)", "".join(
        page.read_text(encoding="utf-8") for page in PAGES)))  # fmt: skip
    assert set(VERBS) <= shown


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def setting_names(model: type[BaseModel], prefix=""):
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        inner = model_in(field.annotation)
        if inner is None:
            yield f"{prefix}{name}"
        else:
            yield from setting_names(inner, f"{prefix}{name}.")


def test_the_reference_holds_every_setting_with_its_sentence(generate):
    page = generate.settings_page()
    for verb in CATALOG:
        section = page.split(f"\n## {verb.name}\n")[1].split("\n## ")[0]
        for name in setting_names(verb.config_class()):
            row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
            assert row.split(" | ")[-1].rstrip(" |"), f"{verb.name}: {name} has no docstring"


def test_the_reference_holds_every_route(generate, tmp_path):
    from deepsynth.web.app import create_app
    from deepsynth.web.config import WebConfig

    page = generate.http_page()
    described = create_app(WebConfig.parse({"state_dir": tmp_path})).openapi()["paths"]
    assert described
    for path, methods in described.items():
        for method in methods:
            assert f"\n## {method.upper()} {path}\n" in page
