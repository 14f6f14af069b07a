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
