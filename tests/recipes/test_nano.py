import itertools
import json
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from deepsynth.core.built_in import folder_of
from deepsynth.core.files import read_manifest
from deepsynth.data.prepare import PrepareConfig
from deepsynth.inference.habits import Habits
from deepsynth.inference.summarizer import Summarizer
from deepsynth.models import build_size, load_model, save_model
from deepsynth.training.config import TrainerConfig

RECIPE = Path(__file__).parents[2] / "recipes" / "nano"


@pytest.fixture
def recipe(monkeypatch):
    """Return a module of the recipe by its name."""
    monkeypatch.syspath_prepend(str(RECIPE))

    def load(name: str):
        monkeypatch.delitem(sys.modules, name, raising=False)
        return runpy.run_path(str(RECIPE / f"{name}.py"))

    return load


def settings(name: str):
    values = yaml.safe_load((RECIPE / name).read_text(encoding="utf-8"))
    return (TrainerConfig if "model" in values else PrepareConfig).parse(values)


def test_each_stage_starts_from_what_the_one_before_wrote(recipe):
    stages = [settings(name) for verb, name in recipe("run")["STEPS"] if verb == "train"]
    assert stages[0].model == "nano-untrained"
    widened, wide = (str(path) for path in (recipe("run")["PAGES"], recipe("run")["COPYING"]))
    for before, after in itertools.pairwise(stages):
        written = str(before.output_dir / f"checkpoint-{before.max_steps}")
        assert after.model == (wide if written == widened else written)
    assert wide in {stage.model for stage in stages}


def test_the_data_of_each_stage_is_prepared_before_it(recipe):
    made: set[Path] = set()
    for verb, name in recipe("run")["STEPS"]:
        found = settings(name)
        if verb == "prepare":
            made.add(found.out)
        else:
            assert found.data.path in made


def test_what_ships_was_trained_as_the_recipe_says():
    shipped = TrainerConfig.parse(json.loads((folder_of("nano") / "trainer.json").read_text(encoding="utf-8")))
    assert shipped.override({"rendering": {"lines": None}}) == settings("7-answers.yaml")


def test_what_ships_is_whole_small_and_in_bfloat16():
    folder = folder_of("nano")
    manifest = read_manifest(folder)
    assert {"README.md", "asking.json", "config.json", "model.safetensors", "tokenizer.json", "trainer.json"} == set(
        manifest["files"]
    )
    assert sum(file["bytes"] for file in manifest["files"].values()) < 48e6
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["dtype"] == "bfloat16"


def test_shipping_writes_a_folder_that_knows_how_it_wants_to_be_asked(recipe, tmp_path):
    from deepsynth.core.files import new_folder

    with new_folder(tmp_path / "checkpoint") as folder:
        save_model(build_size("tiny"), folder)
        (folder / "trainer.json").write_text(settings("7-answers.yaml").model_dump_json())
    recipe("ship")["ship"](tmp_path / "checkpoint", tmp_path / "model")
    shipped = Summarizer.load(tmp_path / "model")
    assert shipped.engine.facts.habits == Habits(read_first=True, keep_lines=True, pages_per_prompt=1)
    assert shipped.rendering == settings("7-answers.yaml").rendering.override({"lines": 4})


def test_a_checkpoint_gets_a_path_to_copy_by_and_keeps_the_rest(recipe, tmp_path):
    from deepsynth.core.files import new_folder

    plain = build_size("tiny")
    with new_folder(tmp_path / "checkpoint") as folder:
        save_model(plain, folder)
    recipe("add_copying")["widen"](tmp_path / "checkpoint", tmp_path / "wide")
    wide = load_model(tmp_path / "wide").model.state_dict()
    assert {name for name in wide if name not in plain.model.state_dict()} == {
        f"model.language_model.copying.{name}"
        for name in (
            "query.weight",
            "announced.weight",
            "reached.weight",
            "nothing.weight",
            "nothing.bias",
            "output.weight",
        )
    }
    assert all(wide[name].equal(value) for name, value in plain.model.state_dict().items())


FIGURES = {
    "facts": {"parameters": 2_354_752, "data": "texts", "visual": 21, "rows": "of 9"},
    "data": "d",
    "weights": "w",
    "wrong_characters_percent": {"20": {"real text": [1.0, 0.5, 2.0], "random letters": [3.0, 2.0, 4.0]}},
    "wrong_characters_by_lines": {"1": {"characters a visual token": 0.9, "wrong characters": [0.7, 0.5, 0.9]}},
    "blind": [90.0, 85.0, 95.0],
    "summaries": {
        "en": {"rows": 9, "model": [10.0, 8.0, 12.0], "lead-1 (first sentence)": [30.0, 25.0, 35.0]},
        "it": {"rows": 9, "model": [40.0, 36.0, 44.0], "lead-1 (first sentence)": [30.0, 25.0, 35.0]},
        "de": {"rows": 9, "model": [29.0, 26.0, 33.0], "lead-1 (first sentence)": [30.0, 25.0, 35.0]},
    },
    "page_use_nats": {"right page": [0.5, 0.4, 0.6], "another page": [3.0, 2.9, 3.1]},
    "seconds_per_page": {"1 at once": 0.5, "16 at once": 0.1},
}


def test_the_card_says_plainly_what_the_intervals_allow(recipe):
    text = recipe("card")["card"](FIGURES)
    assert "better than the first sentence in it; worse than the first sentence in en; not told apart from" in text
    assert "| 20 | 1 [0.5, 2] | 3 [2, 4] |" in text
    assert "{" not in text
