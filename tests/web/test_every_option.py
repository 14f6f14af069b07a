"""No option of a form is ignored: each is set by itself, and the job that is made has exactly that in what its work reads."""

import pytest

from deepsynth.core.config import merge
from deepsynth.core.errors import SettingsError
from deepsynth.jobs.folder import JobFolder
from deepsynth.web.forms import describe_kind, verb_of
from deepsynth.workflows.catalog import job_kinds

TOGETHER = {
    "early_stopping": {"eval_interval": 5},
    "eval_samples": {"eval_interval": 5},
    "hub.private": {"hub": {"repository": "owner/name"}},
    "hub.every": {"hub": {"repository": "owner/name"}},
    "hub.wait_seconds": {"hub": {"repository": "owner/name"}},
}
"""Options that need another one."""
REFUSED = {"reading.source": "the source is named by `source`"}
"""Options that say where the setting is instead."""


def resolved(schema, part):
    return resolved(schema, schema["$defs"][part["$ref"].rpartition("/")[2]]) if "$ref" in part else part


def leaves(schema, part=None, prefix=""):
    """Yield the dotted path and the schema of every single option."""
    for name, inner in resolved(schema, part or schema).get("properties", {}).items():
        inner = {**resolved(schema, inner), **{key: value for key, value in inner.items() if key == "default"}}
        options = [resolved(schema, option) for option in inner.get("anyOf", [])]
        group = next((option for option in [inner, *options] if option.get("properties")), None)
        if group is not None:
            yield from leaves(schema, group, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def candidates(schema, part, folder):
    """Yield values of the kind that a schema describes, small ones first."""
    for option in [part, *(resolved(schema, inner) for inner in part.get("anyOf", []))]:
        yield from option.get("enum", [])
        kind = option.get("type")
        if kind == "boolean":
            yield from (True, False)
        elif kind in ("integer", "number"):
            low = option.get("minimum", option.get("exclusiveMinimum", 0))
            high = option.get("maximum", option.get("exclusiveMaximum", low + 2000))
            yield from (low, low + 1, low + 2, low + 17, (low + high) / 2, (low + high) / 4, high)
        elif kind == "string":
            yield from (f"{folder}/other", "other", "nano-192", "owner/name", "en", "adamw8bit", "https://example.org")
        elif kind == "array":
            inner = resolved(schema, option.get("items", {}))
            if option.get("prefixItems"):
                for value in (0.5, 0.25, 1, 2):
                    yield [value] * len(option["prefixItems"])
            for value in candidates(schema, inner, folder):
                yield [value]
            yield from (["sam"], ["other"], [])
        elif kind == "object":
            yield from (
                {"projector": 0.5},
                {"read": 0.5, "summarize": 0.5},
                {"read": 1.0},
                {"other": "name"},
                {"other": 1},
            )


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def at(values, path):
    for name in path.split("."):
        values = None if values is None else values[name]
    return values


def another_value(kind, path, schema, part, base, folder):
    """Return settings in which this option is another than by default."""
    config_class = verb_of(kind).config_class()
    together = TOGETHER.get(path, {})
    for value in candidates(schema, part, folder):
        try:
            config = config_class.parse(merge(merge(base, together), nested(path, value)))
        except (SettingsError, ValueError):
            continue
        if at(config.model_dump(mode="json"), path) != at(
            config_class.parse(merge(base, together)).model_dump(mode="json"), path
        ):
            return merge(together, nested(path, value)), at(config.model_dump(mode="json"), path)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("kind", job_kinds())
def test_each_option_of_a_form_reaches_the_work(kind, client, services):
    form = describe_kind(kind)
    (dataset,) = services.inventory.datasets()
    place = {"data.path": f"dataset:{dataset.id}", "folder": f"dataset:{dataset.id}", "data": f"dataset:{dataset.id}"}
    base = {}
    for name, meaning in form["references"].items():
        if meaning == "dataset":
            base = merge(base, nested(name, place[name]))
        elif meaning == "model":
            base = merge(base, nested(name, "tiny"))
        elif name == "source":
            base = merge(base, {name: "packages"})
    tried, cannot = 0, []
    for path, part in leaves(form["schema"]):
        if path in form["references"] or path == form["output"]:
            continue
        if path in REFUSED:
            answer = client.post("/api/jobs", json={"kind": kind, "settings": merge(base, nested(path, "other"))})
            assert (answer.status_code, REFUSED[path] in answer.json()["detail"]) == (400, True)
            continue
        found = another_value(kind, path, form["schema"], part, base, dataset.path.parent)
        if found is None:
            cannot.append(path)
            continue
        settings, wanted = found
        answer = client.post("/api/jobs", json={"kind": kind, "settings": merge(base, settings)})
        assert answer.status_code == 201, (path, answer.text)
        spec = JobFolder(services.place.jobs, answer.json()["job_id"]).spec()
        read = verb_of(kind).config_class().parse(spec["config"]).model_dump(mode="json")
        assert at(read, path) == wanted, path
        tried += 1
    assert not cannot, f"{cannot}: write a value for these into `candidates`"
    assert tried >= 2
