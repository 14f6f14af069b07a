from deepsynth.core.files import read_manifest
from deepsynth.models import load_model
from deepsynth.training.config import TrainerConfig
from deepsynth.workflows.train import run


def test_training_from_a_prepared_dataset_leaves_a_whole_run(dataset, tmp_path, reporter):
    values = {
        "model": "tiny",
        "output_dir": tmp_path / "run",
        "max_steps": 4,
        "eval_interval": 2,
        "data": {"path": dataset},
    }
    config = TrainerConfig.parse(values)
    result = run(config, reporter)
    assert result.steps == 4
    assert TrainerConfig.load(tmp_path / "run" / "config.json") == config
    assert read_manifest(result.checkpoint)["step"] == 4
    assert load_model(result.checkpoint).tokenizer is not None
    assert "FROZEN" in result.describe()
    assert any("evaluation loss" in message for message in reporter.messages)


def test_a_finished_run_is_left_as_it_is(dataset, tmp_path, reporter):
    config = TrainerConfig.parse(
        {"model": "tiny", "output_dir": tmp_path / "run", "max_steps": 2, "data": {"path": dataset}}
    )
    first = run(config, reporter)
    again = run(config, reporter)
    assert again.checkpoint == first.checkpoint
    assert again.steps == 2
    assert again.loss is None
