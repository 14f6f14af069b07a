"""Write docs/reference/ from the code, so that the reference cannot fall behind it.

    python docs/generate.py        (`make docs` calls it before it builds the site)

Four pages are made anew each time and not committed: settings, command line, HTTP API and Python API. The files of the root
that belong to the book are brought there as well.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deepsynth.core.config import model_in
from deepsynth.workflows.catalog import CATALOG, Verb

HERE = Path(__file__).parent
PYTHON = {
    "Summaries": ["deepsynth.inference.summarizer"],
    "Documents and what becomes of them": ["deepsynth.core.documents"],
    "Rendering": ["deepsynth.rendering.renderer", "deepsynth.rendering.costing"],
    "Datasets": ["deepsynth.data.prepared", "deepsynth.data.transforms"],
    "Models": ["deepsynth.models.family", "deepsynth.models.loading"],
    "Training": [
        "deepsynth.training.production_trainer",
        "deepsynth.training.deepsynth_lora_trainer",
        "deepsynth.training.model_utils",
        "deepsynth.training.checkpoint",
    ],
    "Evaluation": [
        "deepsynth.evaluation.metrics",
        "deepsynth.evaluation.evaluator",
        "deepsynth.evaluation.variants",
        "deepsynth.evaluation.report_words",
        "deepsynth.evaluation.report",
    ],
    "Jobs": ["deepsynth.jobs"],
    "Errors": ["deepsynth.core.errors"],
}
"""The modules whose public names the Python page shows, by heading."""
ROOT_FILES = ("ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY")
"""Pages of the root that the site shows too."""


def escape(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def type_of(schema: dict[str, Any]) -> str:
    """Return the type of a setting in few words, from its JSON Schema: `integer >= 1`, `one of: a, b`, `path or none`."""
    if "anyOf" in schema:
        return " or ".join(type_of(choice) for choice in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return "one of: " + ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    kind = schema.get("type", "any")
    if kind == "array":
        items = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"list of {type_of(items)}"
    if kind == "object":
        return (
            f"names with {type_of(schema['additionalProperties'])}" if schema.get("additionalProperties") else "mapping"
        )
    words = {"string": schema.get("format", "text"), "boolean": "yes or no", "null": "none"}
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[name]:g}" for name, sign in signs.items() if name in schema]
    return " ".join([words.get(kind, kind), ", ".join(limits)]).strip()


def settings_table(model: type[BaseModel]) -> list[str]:
    """Return a table of the settings of one group, and then the tables of the groups inside it."""
    return [*_rows(model, ""), ""]


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    lines = ["", "| setting | type | default | meaning |", "|---|---|---|---|"]
    groups: list[str] = []
    properties = model.model_json_schema()["properties"]
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        inner = model_in(field.annotation)
        if inner is not None:
            groups += ["", f"#### `{prefix}{name}`", "", field.description or "", *_rows(inner, f"{prefix}{name}.")]
            continue
        kind = escape(type_of(properties[name]))
        lines.append(f"| `{prefix}{name}` | {kind} | {_default(field)} | {escape(field.description or '')} |")
    return [*(lines if len(lines) > 3 else []), *groups]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"`{escape(json.dumps(value, default=str, ensure_ascii=False))}`" if value not in (None, (), {}) else "none"


def settings_page() -> str:
    """Return the page of every setting of every verb."""
    lines = [
        "# Settings",
        "",
        "Each setting is a flag of its command (`--optimizer.learning-rate`), a key of its YAML file (`--config`) and a field"
        " of its form.",
    ]
    for verb in CATALOG:
        lines += ["", f"## {verb.name}", "", verb.help, *settings_table(verb.config_class())]
    return "\n".join(lines)


def help_of(verb: Verb) -> str:
    """Return what `deepsynth VERB --help` prints, 100 columns wide and without color."""
    from deepsynth.cli.app import main

    with contextlib.redirect_stdout(io.StringIO()) as out:
        main([verb.name, "--help"])
    return out.getvalue().rstrip()


def cli_page() -> str:
    """Return the page of the command line."""
    lines = ["# Command line", ""]
    lines += [
        "Exit codes: 0 done, 1 the work failed, 2 a mistake in what was given, 75 paused (run it again).",
        "",
    ]
    lines += ["| command | |", "|---|---|"]
    lines += [f"| [`{verb.name}`](#{verb.name}) | {escape(verb.help)} |" for verb in CATALOG]
    for verb in CATALOG:
        lines += ["", f"## {verb.name}", "", "```text", help_of(verb), "```"]
    return "\n".join(lines)


def http_page() -> str:
    """Return the page of the HTTP API, from its own OpenAPI description."""
    from deepsynth.web.app import create_app
    from deepsynth.web.config import WebConfig
    from deepsynth.web.errors import RESPONSES

    with tempfile.TemporaryDirectory() as folder:
        description = create_app(WebConfig.parse({"state_dir": folder})).openapi()
    lines = [
        "# HTTP API",
        "",
        "A running server describes itself at `/api/openapi.json`. What the routes are for: [Web application](../guides/web.md)"
        " and [Summaries](../guides/inference.md#http). With a token, send it as `Authorization: Bearer`.",
        "",
        "Errors are JSON: `{error, detail, field}`. Any route may answer with these:",
        "",
        "| code | |",
        "|---|---|",
        *(f"| {code} | {escape(answer['description'])} |" for code, answer in RESPONSES.items()),
    ]
    for path, methods in description["paths"].items():
        for method, call in methods.items():
            lines += [
                "",
                f"## {method.upper()} {path}",
                "",
                (call.get("description") or call.get("summary") or "").strip(),
            ]
            lines += _parameters(call)
            answers = ", ".join(
                f"{code} {escape(answer.get('description', ''))}"
                for code, answer in call["responses"].items()
                if answer.get("description") != RESPONSES.get(int(code), {}).get("description")
            )
            lines += ["", f"Answers: {answers}."] if answers != "200 Successful Response" else []
    return "\n".join(lines)


def _parameters(call: dict[str, Any]) -> list[str]:
    parameters = call.get("parameters", [])
    if not parameters:
        return []
    rows = [f"| `{item['name']}` | {item['in']} | {escape(item.get('description', ''))} |" for item in parameters]
    return ["", "| parameter | in | |", "|---|---|---|", *rows]


def relink(text: str) -> str:
    """Return a page of the root as one of docs/reference/: its links into docs/ and to its neighbors lead there too."""
    text = re.sub(r"\]\(docs/", "](../", text)
    return re.sub(r"\]\(([A-Z]+)\.md", lambda found: f"]({found[1].lower()}.md", text)


def python_page() -> str:
    """Return the page of the Python API; the site's builder fills it from the docstrings."""
    lines = ["# Python API"]
    for heading, modules in PYTHON.items():
        lines += ["", f"## {heading}", *(line for module in modules for line in ("", f"::: {module}"))]
    return "\n".join(lines)


WRITTEN = {"settings": settings_page, "cli": cli_page, "http": http_page, "python": python_page}
"""What is written anew into docs/reference/, by the name of the page."""


def main() -> None:
    """Write the four pages."""
    os.environ.update(COLUMNS="100", NO_COLOR="1", TERM="dumb")
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    for name, page in WRITTEN.items():
        (folder / f"{name}.md").write_text(page() + "\n", encoding="utf-8")
    for name in ROOT_FILES:
        text = (HERE.parent / f"{name}.md").read_text(encoding="utf-8")
        (folder / f"{name.lower()}.md").write_text(relink(text), encoding="utf-8")


if __name__ == "__main__":
    main()
