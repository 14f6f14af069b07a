import shlex

import pytest

from deepsynth.cli import command as cli
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.web.forms import as_command, as_yaml, describe_kind, parse_text, verb_of
from deepsynth.workflows.catalog import job_kinds

CASES = [
    ("training", None, {}),
    ("training", "quick_test", {"model": "tiny", "output_dir": "/x/y z"}),
    ("training", "memory_efficient", {"lora": {"rank": 4}, "gradient_checkpointing": False}),
    (
        "training",
        None,
        {"lora": {}, "freeze": [], "optimizer": {"betas": [0.8, 0.9], "part_rates": {"projector": 0.5}}},
    ),
    (
        "training",
        None,
        {"data": {"path": "/d", "tasks": {"read": 0.5, "summarize": 0.5}}, "early_stopping": 2, "eval_interval": 5},
    ),
    (
        "dataset",
        None,
        {"source": "xsum", "reading": {"splits": ["train", "test"], "require_summary": False}, "pages": "on-the-fly"},
    ),
    ("evaluation", None, {"model": "owner/name", "limit": 5, "num_beams": 2}),
    ("export", None, {"checkpoint": "/c", "layout": "transformers"}),
    ("export", None, {"checkpoint": "/c", "server": "vllm"}),
]


@pytest.mark.parametrize(("kind", "preset", "settings"), CASES)
def test_the_command_line_of_a_form_gives_the_same_settings(kind, preset, settings, monkeypatch):
    verb = verb_of(kind)
    wanted = verb.config_class().parse(cli.merge(verb.preset_settings(preset), settings))
    program, name, *words = shlex.split(as_command(verb, wanted, preset))
    assert (program, name) == ("deepsynth", verb.name)
    assert run_command(verb, words, monkeypatch) == wanted


def run_command(verb, words, monkeypatch):
    """Return the settings that the real command line makes of these words."""
    import cyclopts

    seen = []
    monkeypatch.setattr(type(verb), "function", lambda self: lambda settings, reporter: seen.append(settings))
    app = cyclopts.App()
    app.default(cli.make_command(verb))
    app(words, exit_on_error=False, print_error=False, result_action="return_value")
    return seen[0]


@pytest.mark.parametrize(("kind", "preset", "settings"), CASES)
def test_the_yaml_of_a_form_gives_the_same_settings(kind, preset, settings):
    verb = verb_of(kind)
    wanted = verb.config_class().parse(cli.merge(verb.preset_settings(preset), settings))
    assert verb.config_class().parse(parse_text(kind, as_yaml(verb, wanted))) == wanted


@pytest.mark.parametrize("kind", job_kinds())
def test_a_form_knows_every_setting_with_its_sentence(kind):
    form = describe_kind(kind)
    fields = verb_of(kind).config_class().model_fields
    assert set(form["schema"]["properties"]) == set(fields) == set(form["defaults"])
    assert not form["output"] or form["output"] in fields
    for name in form["references"]:
        assert name.split(".")[0] in fields
    assert all("description" in part or "$ref" in part for part in form["schema"]["properties"].values())


def test_an_unknown_kind_or_preset_names_the_known_ones():
    with pytest.raises(InputError, match="training"):
        verb_of("nothing")
    with pytest.raises(SettingsError, match="quick_test"):
        verb_of("training").preset_settings("slow_test")


@pytest.mark.parametrize(
    ("text", "words"),
    [("- 1", "mapping"), ("a: [", "not YAML"), ("a: &x [1]\nb: *x", "aliases"), ("rank: 3", "rank"), ("batch_size: -1", "batch_size"),
     ("!!python/object/apply:os.system ['x']", "not YAML")],
)  # fmt: skip
def test_text_that_is_no_settings_is_refused_with_the_reason(text, words):
    with pytest.raises(SettingsError, match=words):
        parse_text("training", text)


def test_dotted_names_in_a_text_reach_inside():
    assert parse_text("training", "optimizer.learning_rate: 0.1") == {"optimizer": {"learning_rate": 0.1}}


def test_kinds_and_settings_as_text(client):
    kinds = client.get("/api/kinds").json()["kinds"]
    assert {kind["kind"] for kind in kinds} >= {"dataset", "training", "evaluation", "export"}
    found = client.post("/api/settings/parse", json={"kind": "training", "text": "lora:\n  rank: 4"}).json()
    assert found["settings"] == {"lora": {"rank": 4}}
    assert found["config"]["lora"]["rank"] == 4
    wrong = client.post("/api/settings/parse", json={"kind": "training", "text": "lora:\n  rnk: 4"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "lora.rnk")
