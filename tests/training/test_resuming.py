from pathlib import Path

import pytest

from deepsynth.core.errors import CheckpointError
from deepsynth.training.config import TrainerConfig
from deepsynth.training.resuming import refuse_other_processes, refuse_other_rows, refuse_other_settings

FOLDER = Path("run/checkpoint-3")


def test_settings_that_change_no_weight_may_differ():
    saved = TrainerConfig().override({"cache.folder": "here"})
    changes = {"output_dir": "elsewhere", "log_interval": 1, "keep_checkpoints": 9, "cache.folder": "elsewhere"}
    changes |= {"eval_interval": 5, "eval_samples": 1, "hub.repository": "somebody/model"}
    refuse_other_settings(saved, saved.override(changes), FOLDER)


@pytest.mark.parametrize("changed", [{"cache.precision": "int8"}, {"cache": None}])
def test_another_cache_than_the_same_one_elsewhere_is_refused(changed):
    saved = TrainerConfig().override({"cache.folder": "here"})
    with pytest.raises(CheckpointError, match=r"\(cache\)"):
        refuse_other_settings(saved, saved.override(changed), FOLDER)


def test_every_setting_that_differs_is_named():
    with pytest.raises(CheckpointError, match=r"checkpoint-3 .* \(batch_size, optimizer\)"):
        refuse_other_settings(
            TrainerConfig(), TrainerConfig().override({"batch_size": 2, "optimizer.name": "muon"}), FOLDER
        )


def test_another_number_of_processes_is_refused():
    refuse_other_processes(2, 2, FOLDER)
    with pytest.raises(CheckpointError, match="by 2 processes and this run has 1"):
        refuse_other_processes(2, 1, FOLDER)


def test_another_number_of_rows_is_refused_unless_it_was_never_noted():
    refuse_other_rows(8, 8, Path("run/checkpoint-1"))
    refuse_other_rows(0, 8, Path("run/checkpoint-1"))
    with pytest.raises(CheckpointError, match=r"run/checkpoint-1 was trained on 8 examples and there are 9 now"):
        refuse_other_rows(8, 9, Path("run/checkpoint-1"))
