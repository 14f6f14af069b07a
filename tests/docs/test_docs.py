"""What the documentation says can be done: every command in it parses, every name in its Python exists, nothing is left out."""

import ast
import importlib
import importlib.util
import re
import shlex

import pytest
import yaml
from pydantic import BaseModel
from tests.docs.book import BLOCKS, PAGES, ROOT
from tests.seams import SEAMS, registry

from deepsynth.cli.app import build_app
from deepsynth.cli.command import arguments_of, with_bare_groups
from deepsynth.core.config import model_in
from deepsynth.workflows.catalog import CATALOG

VERBS = {verb.name: verb for verb in CATALOG}
COMMANDS = sorted(
    {(block.page, shlex.join(words)) for block in BLOCKS if block.is_shell for words in block.deepsynth()}
)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {command}" for page, command in COMMANDS])
def test_a_command_in_the_documentation_parses(page, command):
    tokens = shlex.split(command)
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


PYTHON = [(block.page, block.text) for block in BLOCKS if block.is_python]


@pytest.mark.parametrize(("page", "text"), PYTHON, ids=[f"{page} {number}" for number, (page, _) in enumerate(PYTHON)])
def test_python_in_the_documentation_names_what_is_there(page, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "deepsynth":
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or importlib.util.find_spec(f"{node.module}.{name.name}"), name.name


def test_every_verb_is_shown_in_the_guides():
    shown = {command.split()[0] for _, command in COMMANDS} | set(re.findall(r"`deepsynth (\w+)", "".join(
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


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page(generate):
    def pages(entries):
        for entry in entries:
            if isinstance(entry, str):
                yield entry
            else:
                for inner in entry.values():
                    yield from pages(inner)

    written = {f"reference/{name.lower()}.md" for name in (*generate.WRITTEN, *generate.ROOT_FILES)}
    there = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES if path.name != "README.md"} | written
    listed = list(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert sorted(listed) == sorted(there)


def test_every_seam_has_a_section_and_every_built_in_of_it_is_named_in_the_guides():
    page = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    book = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    for group in SEAMS:
        assert registry(group).group == group
        assert f"`{group}`" in page
        assert [item for item in registry(group).names() if f"`{item}`" not in book] == [], group


LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([\w-]+))?\)")


def anchors(page):
    """Return the names that a page's headings have, as the site and GitHub make them."""
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_every_link_of_a_page_leads_somewhere(page, generate):
    written = {ROOT / "docs" / "reference" / f"{name.lower()}.md" for name in (*generate.WRITTEN, *generate.ROOT_FILES)}
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        place = (page.parent / target).resolve() if target else page
        assert place.exists() or place in written, f"{page.name}: {target}"
        if anchor and place not in written:
            assert anchor in anchors(place), f"{page.name}: {target}#{anchor}"
