import sys
import time
from pathlib import Path

import pytest
from pydantic import Field

from deepsynth.cli import app as cli
from deepsynth.core.config import Config
from deepsynth.core.errors import InputError, Paused
from deepsynth.workflows.catalog import CATALOG, Verb
from deepsynth.workflows.presets import Preset


class Adapter(Config):
    """Adapters."""

    rank: int = Field(8, ge=1)
    """Rank of the adapters."""


class CookConfig(Config):
    """What the verb of these tests takes."""

    files: tuple[Path, ...] = ()
    """Files to cook."""
    batch_size: int = Field(4, ge=1)
    """Examples a step."""
    lora: Adapter | None = None
    """Adapters; none trains all."""


def cook(config: CookConfig, reporter) -> str:
    if config.files == (Path("empty.txt"),):
        raise InputError("empty.txt is empty; give it text")
    if config.files == (Path("long.txt"),):
        raise Paused("saved checkpoint-3")
    return config.model_dump_json()


PRESETS = {"quick": Preset("For a look.", {"batch_size": 2, "lora": {"rank": 3}})}


@pytest.fixture(autouse=True)
def one_verb(monkeypatch):
    here = __name__
    sys.modules[here] = sys.modules.get(here) or sys.modules[cook.__module__]
    verb = Verb(
        name="cook",
        help="Cook files.",
        config=f"{here}:CookConfig",
        run=f"{here}:cook",
        positional="files",
        several=True,
        presets=f"{here}:PRESETS",
    )
    monkeypatch.setattr(cli, "CATALOG", (verb,))


def settings(capsys, *tokens: str) -> CookConfig:
    assert cli.main(["cook", *tokens]) == 0
    return CookConfig.model_validate_json(capsys.readouterr().out)


def failure(capsys, *tokens: str) -> tuple[int, str]:
    code = cli.main(list(tokens))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return code, lines[0]


def test_flags_and_arguments_fill_the_tree(capsys):
    found = settings(capsys, "a.txt", "b.txt", "--batch-size", "8", "--lora.rank", "4")
    assert found == CookConfig(files=("a.txt", "b.txt"), batch_size=8, lora=Adapter(rank=4))


def test_flags_win_over_the_file_and_the_file_over_the_preset(capsys, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("batch_size: 16\n")
    assert settings(capsys).batch_size == 4
    assert settings(capsys, "--preset", "quick").batch_size == 2
    assert settings(capsys, "--preset", "quick", "--config", str(file)) == CookConfig(
        batch_size=16, lora=Adapter(rank=3)
    )
    assert settings(capsys, "--preset", "quick", "--config", str(file), "--batch-size", "32").batch_size == 32


def test_a_saved_tree_is_a_settings_file(capsys, tmp_path):
    saved = CookConfig(files=("a.txt",), batch_size=5, lora=Adapter(rank=2))
    saved.save(tmp_path / "config.json")
    assert settings(capsys, "--config", str(tmp_path / "config.json")) == saved


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("cook", "--batch-size", "0"), "batch_size: Input should be greater than or equal to 1 (got '0')"),
        (("cook", "--batch-size", "x"), "batch_size: Input should be a valid integer"),
        (("cook", "--lora.rnk", "3"), "Unknown option: --lora.rnk. Did you mean --lora.rank?"),
        (("cook", "--preset", "slow"), "cook has no preset 'slow'; known: quick"),
        (("cook", "--config", "gone.yaml"), "no settings file at gone.yaml"),
        (("cok",), 'Unknown command "cok". Did you mean "cook"?'),
        (("cook", "empty.txt"), "empty.txt is empty; give it text"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(capsys, tokens, message):
    code, line = failure(capsys, *tokens)
    assert code == 2
    assert line.startswith("error: ")
    assert message in line


def test_a_pause_has_its_own_exit_code(capsys):
    assert failure(capsys, "cook", "long.txt") == (75, "error: saved checkpoint-3")


def test_help_shows_defaults_and_groups(capsys):
    assert cli.main(["cook", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples a step. [default: 4]" in shown
    assert "lora: Adapters; none trains all." in shown
    assert "quick: For a look." in shown


def test_help_lists_every_verb_quickly(capsys, monkeypatch):
    monkeypatch.setattr(cli, "CATALOG", CATALOG)
    began = time.perf_counter()
    assert cli.main(["--help"]) == 0
    assert time.perf_counter() - began < 5  # generous: shared machines; the benchmark has the figure
    shown = capsys.readouterr().out
    assert all(verb.name in shown for verb in CATALOG)
