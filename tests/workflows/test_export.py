import pytest
from safetensors import safe_open

from deepsynth.core.errors import InputError
from deepsynth.workflows.export import ExportConfig, run


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        ("original", "model.sam_model.pos_embed"),
        ("transformers", "model.vision_tower.sam_encoder.pos_embed"),
    ],
)
def test_a_checkpoint_is_written_reloaded_and_compared(checkpoint, tmp_path, reporter, layout, key):
    result = run(ExportConfig(checkpoint=str(checkpoint), out=tmp_path / "out", layout=layout), reporter)
    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as file:
        assert key in file.keys()  # noqa: SIM118
    assert "every weight equal to the last bit" in result.describe()


def test_no_checkpoint_is_one_clear_line(reporter):
    with pytest.raises(InputError, match="name the checkpoint"):
        run(ExportConfig(), reporter)


def test_adapters_are_merged_into_a_model_that_stands_alone(dataset, tmp_path, reporter):
    from deepsynth.models import load_model
    from deepsynth.training.config import TrainerConfig
    from deepsynth.workflows import train

    values = {
        "model": "tiny",
        "output_dir": tmp_path / "run",
        "max_steps": 2,
        "data": {"path": dataset},
        "lora": {"rank": 2},
    }
    trained = train.run(TrainerConfig.parse(values), reporter)
    run(ExportConfig(checkpoint=str(trained.checkpoint), out=tmp_path / "out"), reporter)
    assert load_model(tmp_path / "out").model.lm_head.weight.shape[0] == 512
