import pytest
from pydantic import Field

from deepsynth.cli.command import layered
from deepsynth.core.config import Config
from deepsynth.core.errors import SettingsError


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
