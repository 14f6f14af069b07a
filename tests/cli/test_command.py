import pytest
from pydantic import Field, model_validator

from deepsynth.cli import app as cli
from deepsynth.cli.command import layered, with_bare_groups
from deepsynth.core.config import Config
from deepsynth.core.errors import SettingsError
from deepsynth.workflows.catalog import Verb


class Tree(Config):
    depth: int = Field(1, ge=1)
    """Depth."""
    names: dict[str, float] = Field(default_factory=dict)
    """Names."""


def test_a_later_layer_wins_and_mappings_join():
    assert layered(Tree, {"depth": 2, "names": {"a": 1}}, {}, {"names": {"b": 2}}) == Tree(
        depth=2, names={"a": 1, "b": 2}
    )


def test_layers_are_checked_together():
    with pytest.raises(SettingsError, match="depth"):
        layered(Tree, {"depth": 0})


class Grouped(Config):
    tree: Tree | None = None
    """Grow a tree."""
    always: Tree = Tree()
    """One that is always there."""


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["--tree"], ["--tree", "{}"]),
        (["--tree", "--tree.depth", "2"], ["--tree.depth", "2"]),
        (["--tree", "--always.depth", "2"], ["--tree", "{}", "--always.depth", "2"]),
        (["--tree", '{"depth": 3}'], ["--tree", '{"depth": 3}']),
        (["--always"], ["--always"]),
    ],
)
def test_a_group_named_alone_is_switched_on(tokens, expected):
    verb = Verb(name="grow", help="Grow.", config=f"{__name__}:Grouped", run="")
    assert with_bare_groups(verb, tokens) == expected


def test_the_command_line_switches_a_group_on(capsys, monkeypatch):
    verb = Verb(name="grow", help="Grow.", config=f"{__name__}:Grouped", run=f"{__name__}:grow")
    monkeypatch.setattr(cli, "CATALOG", (verb,))
    assert [cli.main(["grow", *flags]) for flags in ([], ["--tree"], ["--tree", "--tree.depth", "4"])] == [0, 0, 0]
    assert capsys.readouterr().out.split() == ["none", "1", "4"]


def grow(config: Grouped, reporter) -> str:
    return str(config.tree.depth) if config.tree else "none"


class Paired(Config):
    every: int | None = None
    """How often to look."""
    patience: int | None = None
    """Looks without a gain before the end."""

    @model_validator(mode="after")
    def _patience_needs_looks(self):
        if self.patience is not None and self.every is None:
            raise ValueError("patience needs every")
        return self


def test_a_check_over_several_settings_sees_all_layers(tmp_path, capsys, monkeypatch):
    (tmp_path / "file.yaml").write_text("every: 5\n")
    monkeypatch.setattr(
        cli, "CATALOG", (Verb(name="look", help="Look.", config=f"{__name__}:Paired", run=f"{__name__}:look"),)
    )
    assert cli.main(["look", "--config", str(tmp_path / "file.yaml"), "--patience", "3"]) == 0
    assert capsys.readouterr().out == "5 3\n"
    assert cli.main(["look", "--patience", "3"]) == 2
    assert "patience needs every" in capsys.readouterr().err


def look(config: Paired, reporter) -> str:
    return f"{config.every} {config.patience}"


def test_a_value_that_belongs_to_no_flag_is_refused_and_not_dropped(capsys):
    assert cli.main(["prepare", "debian", "--reading.languages", "en", "fr"]) == 2
    assert "prepare takes one SOURCE, not debian fr" in capsys.readouterr().err
