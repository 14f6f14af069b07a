import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.training.team import Team


def test_one_process_is_a_team_of_one(config):
    team = Team(config)
    assert (team.processes, team.process, team.is_main) == (1, 0, True)
    assert team.sum(3, 4) == [3, 4]


def test_shards_need_several_processes(config):
    with pytest.raises(SettingsError, match="needs several processes"):
        Team(config.override({"parallel": "fsdp"}))
